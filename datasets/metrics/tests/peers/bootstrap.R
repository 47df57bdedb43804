# The limits of pROC's bootstrap, by rows and by class: [[resamples], [outcomes], [scores]] on standard input.
suppressMessages(library(pROC))
connection <- file("stdin")
input <- paste(readLines(connection, warn = FALSE), collapse = "")
close(connection)
lists <- regmatches(input, gregexpr("\\[[^][]*\\]", input))[[1]]
lists <- lapply(lists, function(list) as.numeric(strsplit(gsub("[][]", "", list), ",")[[1]]))
curve <- roc(lists[[2]], lists[[3]], levels = c(0, 1), direction = "<", quiet = TRUE)
limits <- function(stratified) {
  set.seed(4)
  found <- ci.auc(curve, method = "bootstrap", boot.n = lists[[1]], boot.stratified = stratified, progress = "none")
  paste0("[", paste(sprintf("%.17g", as.numeric(found)), collapse = ","), "]")
}
cat(sprintf('{"rows": %s, "classes": %s, "auc": %.17g}\n', limits(FALSE), limits(TRUE), auc(curve)))
