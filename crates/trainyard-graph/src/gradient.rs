//! The gradient of a graph, as a graph.

use crate::op::{InputKind, Op};
use crate::{Error, Graph, NodeId, Result, Shape};

/// Adds to `graph` the gradients of `loss`, a number, for each node of `wrt`, and returns them in that order, each of the
/// shape of its node.
///
/// The chain rule is applied from the last node to the first; each operation says in its own file how. A node that the loss
/// does not depend on has gradient 0.
///
/// ```
/// use trainyard_graph::{Graph, gradients};
///
/// let mut graph = Graph::new();
/// let w = graph.param("w", &[2])?;
/// let squares = graph.square(w)?;
/// let loss = graph.sum_all(squares)?;
/// let gradient = gradients(&mut graph, loss, &[w])?[0];
/// assert_eq!(graph.shape(gradient), graph.shape(w));
/// # Ok::<(), trainyard_graph::Error>(())
/// ```
///
/// # Errors
///
/// When `loss` is not a number, a node is not of this graph, or an operation in between has no gradient.
pub fn gradients(graph: &mut Graph, loss: NodeId, wrt: &[NodeId]) -> Result<Vec<NodeId>> {
    wrt.iter().try_for_each(|&node| graph.checked(node).map(drop))?;
    if graph.checked(loss)?.rank() != 0 {
        let expected = "a loss that is a number []; sum it up first, for example by `sum_all`";
        return Err(graph.misfit("gradients", &[loss], expected));
    }
    let needed = reaching(graph, wrt);
    let mut of_node: Vec<Option<NodeId>> = vec![None; loss.index() + 1];
    of_node[loss.index()] = Some(graph.constant(1.0)?);
    for index in (0..=loss.index()).rev() {
        if let Some(upstream) = of_node[index].filter(|_| needed[index]) {
            propagate(graph, index, upstream, &needed, &mut of_node)?;
        }
    }
    wrt.iter()
        .map(|&node| of_node.get(node.index()).copied().flatten().map_or_else(|| zeros(graph, node), Ok))
        .collect()
}

/// Adds what the node at `index` passes on to its inputs.
fn propagate(
    graph: &mut Graph,
    index: usize,
    upstream: NodeId,
    needed: &[bool],
    of_node: &mut [Option<NodeId>],
) -> Result<()> {
    let Some((id, node)) = graph.nodes().nth(index) else { return Ok(()) };
    if !node.inputs.iter().any(|input| needed[input.index()]) {
        return Ok(());
    }
    let (op, inputs): (Op, Vec<NodeId>) = (node.op.clone(), node.inputs.clone());
    let contributions = op.operation().gradient(graph, id, upstream)?;
    for (input, contribution) in inputs.into_iter().zip(contributions) {
        let Some(contribution) = contribution.filter(|_| needed[input.index()]) else { continue };
        let sum = match of_node[input.index()] {
            Some(earlier) => graph.add(earlier, contribution)?,
            None => contribution,
        };
        of_node[input.index()] = Some(sum);
    }
    Ok(())
}

/// For each node, whether one of `wrt` reaches it.
fn reaching(graph: &Graph, wrt: &[NodeId]) -> Vec<bool> {
    let mut reached = vec![false; graph.nodes().len()];
    for (id, node) in graph.nodes() {
        reached[id.index()] = wrt.contains(&id) || node.inputs.iter().any(|input| reached[input.index()]);
    }
    reached
}

fn zeros(graph: &mut Graph, node: NodeId) -> Result<NodeId> {
    let shape: Shape = graph.shape(node).clone();
    if graph.input_of(node).is_some_and(|input| input.kind != InputKind::Param && input.kind != InputKind::Data) {
        return Err(Error::Usage {
            what: "the loss does not depend on a table".to_owned(),
            expected: "use each table in the model, or leave it out".to_owned(),
        });
    }
    let zero = graph.constant(0.0)?;
    graph.broadcast_to(zero, shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{self, Case};

    #[test]
    fn contributions_of_several_uses_add_up() {
        // x·x + 3x has slope 2x + 3.
        let case = Case::unary(&[2.0], |g, x| {
            let (square, triple) = (g.mul(x, x)?, g.affine(x, 3.0, 0.0)?);
            g.add(square, triple)
        });
        check::close(&case.gradients()[0], &[7.0], 0.0);
    }

    #[test]
    fn what_the_loss_does_not_depend_on_has_gradient_zero() {
        let mut graph = Graph::new();
        let (used, unused) = (graph.param("used", &[1]).unwrap(), graph.param("unused", &[2]).unwrap());
        let loss = graph.sum_all(used).unwrap();
        let gradient = gradients(&mut graph, loss, &[unused]).unwrap()[0];
        assert_eq!(graph.shape(gradient), &Shape::fixed(&[2]));
    }

    #[test]
    fn a_loss_that_is_no_number_is_refused() {
        let mut graph = Graph::new();
        let w = graph.param("w", &[2]).unwrap();
        assert!(gradients(&mut graph, w, &[w]).unwrap_err().to_string().contains("[2]"));
    }
}
