//! Cycles among dependencies and parts: a status cannot rest on itself.

use super::diagnostic::{Fault, Spot};
use super::graph::Index;

/// Most places that a cycle's fault shows; the path names all.
const PLACES_MAX: usize = 8;

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    Open,
    Done,
}

/// Notes each cycle that a walk in depth meets, as a path a → b → a. No recursion: the depth of
/// the graph is the files' choice.
pub(super) fn report_cycles(index: &Index<'_>, edges: &[Vec<(u32, Spot)>]) {
    let mut next: Vec<Vec<(u32, Spot)>> = edges.to_vec();
    for (component, number) in index.components.iter().zip(0u32..) {
        if let Some(edges) = component.whole.and_then(|whole| next.get_mut(whole as usize)) {
            edges.push((number, component.raw.id.spot));
        }
    }
    let mut marks = vec![Mark::New; next.len()];
    for root in 0..next.len() {
        if marks.get(root) != Some(&Mark::New) {
            continue;
        }
        // The open path: component, its next edge to follow, the place that led here.
        let mut path: Vec<(usize, usize, Option<Spot>)> = vec![(root, 0, None)];
        while let Some((at, edge, _)) = path.last_mut() {
            let here = *at;
            if let Some(mark) = marks.get_mut(here) {
                *mark = Mark::Open;
            }
            let Some((target, spot)) = next.get(here).and_then(|edges| edges.get(*edge)) else {
                if let Some(mark) = marks.get_mut(here) {
                    *mark = Mark::Done;
                }
                path.pop();
                continue;
            };
            *edge += 1;
            let target = *target as usize;
            match marks.get(target) {
                Some(Mark::New) => path.push((target, 0, Some(*spot))),
                Some(Mark::Open) => {
                    let from = path.iter().position(|(at, _, _)| *at == target).unwrap_or(0);
                    let cycle: Vec<_> = path.iter().skip(from).copied().collect();
                    report(index, &cycle, target, *spot);
                }
                // Done, or an edge to nowhere.
                Some(Mark::Done) | None => {}
            }
        }
    }
}

fn report(index: &Index<'_>, cycle: &[(usize, usize, Option<Spot>)], target: usize, closing: Spot) {
    if index.faults.is_full() {
        return;
    }
    let name = |number: usize| index.components.get(number).map_or("?", |component| component.id.as_str());
    let mut path: Vec<&str> = cycle.iter().map(|(at, _, _)| name(*at)).collect();
    path.push(name(target));
    let last = cycle.last().map_or(target, |(at, _, _)| *at);
    let mut fault = Fault::error(format!("a cycle of dependencies: {}", path.join(" → ")));
    fault = fault.at(closing, format!("{} → {}", name(last), name(target)));
    for (before, (at, _, spot)) in cycle.iter().zip(cycle.iter().skip(1)).take(PLACES_MAX) {
        if let Some(spot) = spot {
            fault = fault.at(*spot, format!("{} → {}", name(before.0), name(*at)));
        }
    }
    index.faults.push(fault.help("a whole depends on its parts; remove one of these edges"));
}
