//! The record database over the vault.
