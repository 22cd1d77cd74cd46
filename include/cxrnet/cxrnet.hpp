#pragma once
// The one include: networks on the CPU, training, evaluation, files. <cxrnet/predict.hpp> is enough to predict.
#include <cxrnet/augment/augment.hpp>
#include <cxrnet/data/dataset.hpp>
#include <cxrnet/data/folder.hpp>
#include <cxrnet/data/image.hpp>
#include <cxrnet/data/image_tensor.hpp>
#include <cxrnet/data/loader.hpp>
#include <cxrnet/io/model_io.hpp>
#include <cxrnet/metrics/evaluation.hpp>
#include <cxrnet/predict.hpp>
#include <cxrnet/train/classifier.hpp>
#include <cxrnet/train/fit.hpp>
#include <cxrnet/xtensor.hpp>
