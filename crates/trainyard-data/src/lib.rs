//! Where rows come from and in which order: sources, fitting, loading.
