#pragma once
#include <gettext-po.h>
