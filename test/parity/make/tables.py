#!/usr/bin/python3
"""What scikit-learn's transformers make of columns of a table: tables.json. Debian 12: apt-get install python3-sklearn (1.2.1)."""
import json
import os
import numpy as np
from sklearn import __version__
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, QuantileTransformer, StandardScaler
from sklearn.utils import murmurhash3_32

rng = np.random.default_rng(7)
train = np.round(rng.gamma(2.0, 10.0, 60), 2)
train[10:20] = 5.0                       # quantiles that are equal
train[[3, 30]] = -4.25
test = np.concatenate([np.round(rng.gamma(2.0, 10.0, 20), 2), [5.0, -4.25, -100.0, 1000.0, 0.0], train[:5]])
column = lambda values: np.asarray(values).reshape(-1, 1)


def made(transformer):
    return transformer.fit(column(train)).transform(column(test)).ravel().tolist()


numbers = {
    'standardize': made(StandardScaler()),
    'minMax': made(MinMaxScaler(feature_range=(-1, 1))),
    'quantile': made(QuantileTransformer(n_quantiles=1000, subsample=10**9)),
    'quantile 7': made(QuantileTransformer(n_quantiles=7, subsample=10**9)),
    'quantile normal': made(QuantileTransformer(n_quantiles=20, output_distribution='normal', subsample=10**9)),
}
gaps = train.copy()
gaps[[0, 5, 6, 40]] = np.nan
imputed = {strategy: SimpleImputer(strategy=strategy).fit(column(gaps)).statistics_[0] for strategy in ['mean', 'median', 'most_frequent']}
clip = np.quantile(train, [0.05, 0.9]).tolist()

cities = ['Oslo', 'Bergen', 'Ålesund', 'Oslo', 'oslo', 'Bodø', 'Bergen']
asked = ['Bergen', 'Oslo', 'Paris', 'Ålesund', 'oslo']
one_hot = OneHotEncoder(handle_unknown='ignore', sparse_output=False).fit(column(cities))
ordinal = OrdinalEncoder(handle_unknown='use_encoded_value', unknown_value=-1).fit(column(cities))

texts = ['The cat sat on the mat, the fat cat.', 'Ål på Ærø, 12 ål!', '', 'a b c', 'snake_case and CamelCase', 'naïve  Straße\t日本語 テキスト', 'x', "don't stop"]
options = [
    dict(n_features=16),
    dict(n_features=32, ngram_range=(1, 2)),
    dict(n_features=32, ngram_range=(2, 3), norm='l1'),
    dict(n_features=64, analyzer='char', ngram_range=(1, 3), norm=None, alternate_sign=False),
    dict(n_features=7, lowercase=False, alternate_sign=False, norm='l2'),
]
words = [dict(options=one, rows=HashingVectorizer(**one).transform(texts).toarray().tolist()) for one in options]

hashed = ['', 'a', 'ab', 'abc', 'abcd', 'Ålesund', '日本語', 'x' * 100]
fixture = {
    'scikit-learn': __version__, 'train': train.tolist(), 'test': test.tolist(), 'numbers': numbers, 'gaps': [None if np.isnan(one) else one for one in gaps], 'imputed': imputed, 'clip': clip,
    'cities': cities, 'asked': asked, 'oneHot': one_hot.transform(column(asked)).tolist(), 'ordinal': ordinal.transform(column(asked)).ravel().tolist(),
    'texts': texts, 'words': words, 'murmur': [[text, seed, int(murmurhash3_32(text, seed=seed, positive=True))] for text in hashed for seed in [0, 42]],
}
with open(os.path.join(os.path.dirname(__file__), '..', 'tables.json'), 'w') as file:
    json.dump(fixture, file, ensure_ascii=False, separators=(',', ':'))
