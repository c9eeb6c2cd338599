//! A network under construction.

use crate::{Initializer, MAIN_GROUP, ParamShape, ParamSpec};
use trainyard_graph::{Graph, NodeId};

/// A graph under construction, and the parameters that its layers ask for.
///
/// A layer names its parameters after itself and the scopes it is built in, and says how they start; the network keeps
/// the list, which a store creates them from.
///
/// ```
/// use trainyard_graph::Dim;
/// use trainyard_nn::{Network, layers::Dense};
///
/// let mut network = Network::new();
/// let x = network.graph.input("x", &[Dim::Batch, Dim::Fixed(3)])?;
/// let y = network.scope("deep", |network| Dense::new(2).apply(network, "output", x))?;
/// assert_eq!(network.graph.shape(y).to_string(), "[batch, 2]");
/// let names: Vec<&str> = network.params.iter().map(|spec| spec.name.as_str()).collect();
/// assert_eq!(names, ["deep/output/weights", "deep/output/bias"]);
/// # Ok::<(), trainyard_nn::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Network {
    /// The graph so far.
    pub graph: Graph,
    /// The parameters so far, in the order in which the graph has them.
    pub params: Vec<ParamSpec>,
    nodes: Vec<NodeId>,
    group: String,
}

impl Network {
    /// A network without layers.
    pub fn new() -> Self {
        Self { graph: Graph::new(), params: Vec::new(), nodes: Vec::new(), group: MAIN_GROUP.to_owned() }
    }

    /// The nodes of [`params`](Self::params), in the same order: what gradients are taken for.
    pub fn param_nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// Builds layers within the scope `name`, which leads the names of their parameters and stands in their errors.
    ///
    /// # Errors
    ///
    /// Those of `build`.
    pub fn scope<T, E>(&mut self, name: &str, build: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        self.graph.enter(name);
        let built = build(self);
        self.graph.leave();
        built
    }

    /// Builds layers whose parameters the optimizer of the group `name` trains.
    ///
    /// # Errors
    ///
    /// Those of `build`.
    pub fn group<T, E>(&mut self, name: &str, build: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        let outer = std::mem::replace(&mut self.group, name.to_owned());
        let built = build(self);
        self.group = outer;
        built
    }

    /// Adds the dense parameter `name` of the layer being built.
    ///
    /// # Errors
    ///
    /// When the name is taken, a size is 0, or a setting of the initializer is out of range.
    pub fn param(&mut self, name: &str, sizes: &[usize], initializer: Initializer) -> crate::Result<NodeId> {
        let spec = self.spec(name, ParamShape::Dense(sizes.to_vec()), initializer)?;
        let node = self.graph.param(&spec.name, sizes)?;
        Ok(self.add(spec, node))
    }

    /// Adds the table `name` of the layer being built: rows of `dim` values, found by their ids.
    ///
    /// # Errors
    ///
    /// When the name is taken, `dim` is 0, or a setting of the initializer is out of range.
    pub fn table(&mut self, name: &str, dim: usize, initializer: Initializer) -> crate::Result<NodeId> {
        let spec = self.spec(name, ParamShape::Table { dim }, initializer)?;
        let node = self.graph.table(&spec.name, dim)?;
        Ok(self.add(spec, node))
    }

    fn spec(&self, name: &str, shape: ParamShape, initializer: Initializer) -> crate::Result<ParamSpec> {
        initializer.check()?;
        let scope = self.graph.scope_name();
        let name = if scope.is_empty() { name.to_owned() } else { format!("{scope}/{name}") };
        Ok(ParamSpec { name, shape, initializer, group: self.group.clone() })
    }

    fn add(&mut self, spec: ParamSpec, node: NodeId) -> NodeId {
        self.params.push(spec);
        self.nodes.push(node);
        node
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_lead_names_and_groups_name_optimizers() {
        let mut network = Network::new();
        let built: crate::Result<()> = network.scope("a", |network| {
            network.group("wide", |network| {
                network.scope("b", |network| network.table("rows", 2, Initializer::Zeros)).map(drop)
            })?;
            network.param("bias", &[3], Initializer::Zeros).map(drop)
        });
        built.unwrap();
        let names: Vec<_> = network.params.iter().map(|spec| (spec.name.as_str(), spec.group.as_str())).collect();
        assert_eq!(names, [("a/b/rows", "wide"), ("a/bias", MAIN_GROUP)]);
        assert_eq!(network.param_nodes().len(), 2);
    }

    #[test]
    fn a_failed_build_closes_its_scope_and_group() {
        let mut network = Network::new();
        let failed =
            network.scope("a", |network| network.group("wide", |network| network.param("x", &[0], Initializer::Zeros)));
        assert!(failed.is_err());
        network.param("x", &[1], Initializer::Zeros).unwrap();
        assert_eq!((network.params[0].name.as_str(), network.params[0].group.as_str()), ("x", MAIN_GROUP));
    }

    #[test]
    fn two_parameters_of_one_name_are_refused() {
        let mut network = Network::new();
        network.param("x", &[1], Initializer::Zeros).unwrap();
        assert!(network.table("x", 1, Initializer::Zeros).unwrap_err().to_string().contains("`x`"));
        assert_eq!(network.params.len(), 1);
    }
}
