# Times pROC on a table that the benchmark wrote: FOLDER delong|bootstrap COUNT.
# COUNT is how often DeLong's is computed, or how many resamples are drawn. Prints seconds by the clock,
# seconds of the processor, the AUC, its standard error.
# pROC has no clusters: its resamples are of rows.
suppressMessages(library(pROC))
arguments <- commandArgs(trailingOnly = TRUE)
read <- function(name, ...) {
  path <- file.path(arguments[1], name)
  readBin(path, n = file.size(path), endian = "little", ...)
}
scores <- read("scores.f64", what = "double", size = 8)
positive <- read("positive.u8", what = "integer", size = 1, signed = FALSE)
set.seed(8)
start <- proc.time()
count <- as.integer(arguments[3])
once <- function() roc(positive, scores, levels = c(0, 1), direction = "<", quiet = TRUE)
if (arguments[2] == "delong") {
  for (index in seq_len(count)) {
    curve <- once()
    limits <- ci.auc(curve, method = "delong")
  }
} else {
  curve <- once()
  limits <- ci.auc(curve, method = "bootstrap", boot.n = count, boot.stratified = FALSE, progress = "none")
}
error <- (limits[3] - limits[1]) / (2 * qnorm(0.975))
spent <- proc.time() - start
cat(sprintf("%.9f %.9f %.17g %.17g\n", spent[["elapsed"]], spent[["user.self"]] + spent[["sys.self"]], auc(curve), error))
