//! Whether marks are where the lesions are: FROC, JAFROC, LROC, IoU.
