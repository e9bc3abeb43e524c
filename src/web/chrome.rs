//! The frame around every page: where it is, what it is called, who is signed in, what just happened.

use crate::model::user::User;

/// The frame. Templates that extend `base.html` or `page.html` have one in their field `chrome`.
#[derive(Debug, Clone, Default)]
pub struct Chrome {
    /// The way from the page to the root: `../` for each folder. Addresses are relative, so that a reverse proxy may put
    /// everything under a path.
    pub root: String,
    /// What the page is called: its title and its first heading.
    pub title: String,
    /// The address of who is signed in.
    pub email: Option<String>,
    /// Whether they administer the instance.
    pub is_admin: bool,
    /// What each form carries in its field `form_token`.
    pub form_token: String,
    /// The first part of the page's path: which link of the navigation is the present one.
    pub here: String,
    /// What was just done, as a sentence.
    pub said: Option<String>,
    /// What went wrong, as a sentence with the fix.
    pub wrong: Option<String>,
}

impl Chrome {
    /// The frame of a page for somebody who need not be signed in. `path` is that of the request.
    pub fn open(path: &str, title: impl Into<String>) -> Self {
        Self { root: root(path), title: title.into(), here: here(path), ..Self::default() }
    }

    /// The frame of a page of somebody's.
    pub fn of(path: &str, title: impl Into<String>, user: &User, form_token: String) -> Self {
        Self { email: Some(user.email.to_string()), is_admin: user.is_admin, form_token, ..Self::open(path, title) }
    }

    /// Says what was just done: `word` is what the address of the page says of it, `sentences` what the page knows to say.
    pub fn saying(mut self, word: Option<&str>, sentences: &[(&str, &str)]) -> Self {
        let found = sentences.iter().find(|(known, _)| Some(*known) == word);
        self.said = found.map(|(_, sentence)| (*sentence).to_owned());
        self
    }

    /// Says what went wrong.
    pub fn but(mut self, wrong: impl Into<String>) -> Self {
        self.wrong = Some(wrong.into());
        self
    }

    /// For the navigation: what `aria-current` says of a link.
    pub fn current(&self, here: &str) -> &'static str {
        if self.here == here { "page" } else { "false" }
    }
}

/// The way from a path to the root.
pub fn root(path: &str) -> String {
    "../".repeat(path.trim_start_matches('/').matches('/').count())
}

fn here(path: &str) -> String {
    path.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_root_goes_up_once_for_each_folder() {
        for (path, way) in [("/", ""), ("/aliases", ""), ("/aliases/x", "../"), ("/aliases/x/state", "../../"), ("", "")] {
            assert_eq!(root(path), way, "{path}");
        }
        assert_eq!(Chrome::open("/admin/users", "Users").here, "admin");
    }

    #[test]
    fn only_known_words_are_said() {
        let known = [("paused", "The alias is paused.")];
        let said = |word| Chrome::default().saying(word, &known).said;
        assert_eq!(said(Some("paused")).as_deref(), Some("The alias is paused."));
        assert_eq!(said(Some("<script>")), None);
        assert_eq!(said(None), None);
    }
}
