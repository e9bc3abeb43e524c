//! Settings: the example file and the loader.

mod example;
mod load;
