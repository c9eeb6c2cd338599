//! How processes talk: the model server.
