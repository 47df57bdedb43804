# R's loess, and the distances from it: a list of cases (p, y, w or nothing, span, degree), numbers only.
input <- file("stdin")
text <- paste(readLines(input, warn = FALSE), collapse = "")
close(input)
cases <- eval(parse(text = gsub("]", ")", gsub("[", "list(", text, fixed = TRUE), fixed = TRUE)))
numbers <- function(x) paste0("[", paste(sprintf("%.17g", x), collapse = ","), "]")
answer <- function(case) {
  p <- unlist(case[[1]]); y <- unlist(case[[2]]); w <- unlist(case[[3]])
  if (length(w) == 0) w <- rep(1, length(p))
  fit <- loess(y ~ p, weights = w, span = case[[4]], degree = case[[5]], control = loess.control(surface = "direct"))
  distance <- abs(p - fitted(fit))
  quantiles <- quantile(distance, c(0.5, 0.9), names = FALSE)
  paste0("[", numbers(fitted(fit)), ",", numbers(c(weighted.mean(distance, w), quantiles, max(distance))), "]")
}
cat("[", paste(sapply(cases, answer), collapse = ","), "]", sep = "")
