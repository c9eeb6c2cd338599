//! Networks on text, images and sequences.

use crate::Result;

pub fn text_cnn(_lanes: usize) -> Result<()> {
    Err("todo".into())
}
pub fn lstm(_lanes: usize) -> Result<()> {
    Err("todo".into())
}
pub fn cnn_2d(_lanes: usize) -> Result<()> {
    Err("todo".into())
}
pub fn transformer(_lanes: usize) -> Result<()> {
    Err("todo".into())
}
