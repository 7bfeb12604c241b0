// Rows that read or write elements by index.
#pragma once
#include "coalesce.h"
#include "gather.h"
#include "gather_rows.h"
#include "scatter_add.h"
#include "take_along_axis.h"
