// Random augmentation of images, a batch at a time.
#pragma once
#include "affine.h"
#include "jitter.h"
#include "mix.h"
#include "moves.h"
#include "resized_crop.h"
