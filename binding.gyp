# What `npm run build:addon` and `npx anneal build` build. CMakeLists.txt is the developer's build of the same sources.
{
  'variables': {
    'anneal_version': '<!(node -p "require(\'./package.json\').version")',
    'core_sources': [
      'native/arena.cc',
      'native/cgroup.cc',
      'native/cpu.cc',
      'native/cpu_quota.cc',
      'native/execute.cc',
      'native/memory_budget.cc',
      'native/permutation.cc',
      'native/placement.cc',
      'native/session.cc',
      'native/thread_pool.cc',
      'native/verify.cc',
      'native/verify_ops.cc',
    ],
  },
  'target_defaults': {
    'cflags_cc': ['-std=c++20', '-O3', '-Wall', '-Wextra', '-Werror', '-fvisibility=hidden'],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
    'xcode_settings': {
      'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
      'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
      'MACOSX_DEPLOYMENT_TARGET': '11.0',
    },
    'target_conditions': [
      # Kernels are one file for each target, with that target's flags. Arithmetic must not depend on the compiler's liberties.
      ['_type=="static_library"', {
        'cflags_cc': ['-ffp-contract=off', '-fno-exceptions', '-fno-rtti', '-fno-math-errno', '-Wno-psabi'],
        'xcode_settings': {
          'OTHER_CPLUSPLUSFLAGS': ['-ffp-contract=off', '-fno-math-errno', '-Wno-psabi'],
          'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
          'GCC_ENABLE_CPP_RTTI': 'NO',
        },
      }],
    ],
  },
  'targets': [
    {
      'target_name': 'anneal',
      'sources': ['native/addon/arguments.cc', 'native/addon/module.cc', 'native/addon/session_object.cc', '<@(core_sources)'],
      'defines': [
        'ANNEAL_VERSION="<(anneal_version)"',
        'NAPI_VERSION=9',
        'NAPI_CPP_EXCEPTIONS',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      ],
      'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
      'cflags_cc!': ['-fno-exceptions', '-fno-rtti'],
      'xcode_settings': {'GCC_ENABLE_CPP_EXCEPTIONS': 'YES'},
      'dependencies': ['reference'],
      'conditions': [
        ['OS=="linux"', {'libraries': ['-lpthread', '-ldl']}],
        ['target_arch=="x64"', {
          # In front, those that take longest first: they are begun in this order, and all else waits for them.
          'dependencies+': ['avx512', 'avx2', 'baseline'],
          'defines': ['ANNEAL_HAS_baseline', 'ANNEAL_HAS_avx2', 'ANNEAL_HAS_avx512'],
        }],
        ['target_arch=="arm64"', {'dependencies': ['neon'], 'defines': ['ANNEAL_HAS_neon']}],
      ],
    },
    {
      'target_name': 'reference',
      'type': 'static_library',
      'sources': ['native/targets/reference.cc'],
    },
  ],
  'conditions': [
    ['target_arch=="x64"', {
      'variables': {
        'avx2_flags': ['-mavx2', '-mfma'],
        'avx512_flags': ['-mavx512f', '-mavx512vl', '-mavx512dq', '-mavx512bw', '-mfma'],
      },
      'targets': [
        {
          'target_name': 'baseline',
          'type': 'static_library',
          'sources': ['native/targets/baseline.cc'],
          # A quarter of the addon's kernels at -O3, for CPUs of before 2013.
          'cflags_cc': ['-O2'],
          'xcode_settings': {'GCC_OPTIMIZATION_LEVEL': '2'},
        },
        {
          'target_name': 'avx2',
          'type': 'static_library',
          'sources': ['native/targets/avx2.cc'],
          'cflags_cc': ['<@(avx2_flags)'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['<@(avx2_flags)']},
        },
        {
          'target_name': 'avx512',
          'type': 'static_library',
          'sources': ['native/targets/avx512.cc'],
          'cflags_cc': ['<@(avx512_flags)'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['<@(avx512_flags)']},
        },
      ],
    }],
    ['target_arch=="arm64"', {
      'targets': [
        {
          'target_name': 'neon',
          'type': 'static_library',
          'sources': ['native/targets/neon.cc'],
        },
      ],
    }],
  ],
}
