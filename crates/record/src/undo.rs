//! Undo by snapshot: one step a finished gesture, no hand-written inverses.

/// A history of states. `T` is cheap to clone: the annotations of one study.
#[derive(Clone, Debug)]
pub struct History<T> {
    past: Vec<T>,
    present: T,
    future: Vec<T>,
}

/// Steps that are kept; the oldest falls out.
const DEPTH: usize = 200;

impl<T: Clone + PartialEq> History<T> {
    /// A history that begins here.
    pub fn new(present: T) -> Self {
        Self { past: Vec::new(), present, future: Vec::new() }
    }

    /// What holds now.
    pub fn present(&self) -> &T {
        &self.present
    }

    /// A gesture has ended in `next`. A gesture that changed nothing is no step.
    pub fn step(&mut self, next: T) {
        if next == self.present {
            return;
        }
        self.past.push(std::mem::replace(&mut self.present, next));
        self.future.clear();
        if self.past.len() > DEPTH {
            self.past.remove(0);
        }
    }

    /// What holds at every step, as it comes from elsewhere: undo does not take it away.
    pub fn amend(&mut self, change: impl Fn(&mut T)) {
        self.past.iter_mut().chain([&mut self.present]).chain(&mut self.future).for_each(change);
    }

    /// Takes the last step back. False when there is none.
    pub fn undo(&mut self) -> bool {
        let Some(before) = self.past.pop() else { return false };
        self.future.push(std::mem::replace(&mut self.present, before));
        true
    }

    /// Does the step again that was taken back. False when there is none.
    pub fn redo(&mut self) -> bool {
        let Some(after) = self.future.pop() else { return false };
        self.past.push(std::mem::replace(&mut self.present, after));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_taken_back_can_be_done_again_until_something_else_is_drawn() {
        let mut history = History::new(vec![]);
        history.step(vec!["length"]);
        assert!(history.undo());
        assert!(history.present().is_empty());
        assert!(history.redo());
        assert_eq!(history.present(), &vec!["length"]);
        history.undo();
        history.step(vec!["angle"]);
        assert!(!history.redo());
    }

    #[test]
    fn a_gesture_that_changes_nothing_is_no_step() {
        let mut history = History::new(1);
        history.step(1);
        assert!(!history.undo());
    }
}
