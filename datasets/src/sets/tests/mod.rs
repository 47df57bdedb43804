//! Every reader on tiny tables in its set's exact layout, of patients who do not exist; on the real tables where they
//! are; and on bytes that are no table.

mod embed;
mod fuzz;
mod generic;
mod mirai;
mod published;
mod readers;
