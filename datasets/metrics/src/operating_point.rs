//! What a threshold does: sensitivity, specificity, predictive values, recall rate.
