// The loss curve as a picture.
#pragma once

#include <string>
#include <vector>

#include "log.h"

namespace gpt {

// Draws training and validation loss over the steps and replaces the PNG file at `path`. `subtitle` stands under the
// title. Losses that are not finite are left out. Throws mote::IoError where the file cannot be written.
void plot_losses(const std::string& path, const std::vector<LogRow>& rows, const std::string& subtitle);

}  // namespace gpt
