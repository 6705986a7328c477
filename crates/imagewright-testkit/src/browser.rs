//! A browser: Debian's Chromium, steered through its driver by the WebDriver protocol (W3C).

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long something may take to appear, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a browser presents itself.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Width of its window in CSS pixels.
    pub width: u32,
    /// Whether dark colours are preferred.
    pub dark: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self { width: 1280, dark: false }
    }
}

/// A browser with nothing in it. It is closed when this is dropped.
pub struct Browser {
    driver: Child,
    agent: ureq::Agent,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens a browser.
    ///
    /// # Panics
    ///
    /// When there is none; the module of a test says that it needs one.
    pub fn open(look: Look) -> Self {
        let profile = tempfile::tempdir().expect("a temporary folder can be made");
        // Two that start at one moment may choose the same port; one of them ends then.
        let (driver, port) = (0..5).find_map(|_| start_driver()).expect("chromedriver says its port");
        let settings = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
        let agent = ureq::Agent::new_with_config(settings.build());
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--no-first-run".to_owned(),
            "--no-proxy-server".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--window-size={},900", look.width.max(500)),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        if look.dark {
            arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
        }
        let mut options = json!({"args": arguments});
        if look.width < 500 {
            let metrics = json!({"width": look.width, "height": 800, "pixelRatio": 1.0});
            options["mobileEmulation"] = json!({"deviceMetrics": metrics});
        }
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}});
        let mut browser =
            Self { driver, agent, session: format!("http://127.0.0.1:{port}/session"), _profile: profile };
        let made = browser.command("", Some(&wanted)).expect("a browser opens");
        let id = made["sessionId"].as_str().expect("a session has an identity");
        browser.session = format!("{}/{id}", browser.session);
        browser
    }

    fn command(&self, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let address = format!("{}{path}", self.session);
        let answered = match body {
            Some(body) => self.agent.post(&address).content_type("application/json").send(body.to_string()),
            None => self.agent.get(&address).call(),
        };
        let mut answered = answered.map_err(|error| error.to_string())?;
        let text = answered.body_mut().read_to_string().map_err(|error| error.to_string())?;
        let mut answer: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        match answered.status().is_success() {
            true => Ok(answer["value"].take()),
            false => Err(format!("{}: {}", answer["value"]["error"], answer["value"]["message"])),
        }
    }

    /// Goes to an address.
    #[track_caller]
    pub fn go(&self, address: &str) {
        self.command("/url", Some(&json!({ "url": address })))
            .unwrap_or_else(|error| panic!("{address}: {error}"));
    }

    /// Where it is.
    #[track_caller]
    pub fn address(&self) -> String {
        let address = self.command("/url", None).unwrap_or_else(|error| panic!("{error}"));
        address.as_str().unwrap_or_default().to_owned()
    }

    /// Loads the page anew.
    #[track_caller]
    pub fn reload(&self) {
        self.command("/refresh", Some(&json!({}))).unwrap_or_else(|error| panic!("{error}"));
    }

    /// What a script returns.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        let script = json!({"script": script, "args": []});
        self.command("/execute/sync", Some(&script)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// What a script gives to the function that is its last argument.
    #[track_caller]
    pub fn run_until_called(&self, script: &str) -> Value {
        let script = json!({"script": script, "args": []});
        self.command("/execute/async", Some(&script)).unwrap_or_else(|error| panic!("{error}"))
    }

    fn find(&self, selector: &str) -> Result<String, String> {
        let wanted = json!({"using": "css selector", "value": selector});
        let found = self.command("/element", Some(&wanted))?;
        let id = found.as_object().and_then(|found| found.values().next()?.as_str().map(str::to_owned));
        id.ok_or_else(|| "an element without an identity".to_owned())
    }

    /// Waits until something is there, and does it.
    #[track_caller]
    fn patiently<T>(&self, what: &str, act: impl Fn() -> Result<T, String>) -> T {
        let begun = Instant::now();
        loop {
            match act() {
                Ok(done) => return done,
                Err(error) if begun.elapsed() > PATIENCE => {
                    let page = self.run("return document.body.innerText");
                    panic!("{what} at {}: {error}\n{page}", self.address())
                }
                Err(_) => sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Clicks on what a CSS selector names, as soon as it can be clicked on.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        self.patiently(selector, || {
            let element = self.find(selector)?;
            self.command(&format!("/element/{element}/click"), Some(&json!({})))
        });
    }

    /// Types into what a CSS selector names, behind what is there.
    #[track_caller]
    pub fn type_into(&self, selector: &str, text: &str) {
        self.patiently(selector, || {
            let element = self.find(selector)?;
            self.command(&format!("/element/{element}/value"), Some(&json!({ "text": text })))
        });
    }

    /// Presses keys, wherever the focus is.
    #[track_caller]
    pub fn press(&self, keys: &str) {
        let actions = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()})));
        let actions =
            json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions.collect::<Vec<_>>()}]});
        self.command("/actions", Some(&actions)).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Waits until a script returns true.
    #[track_caller]
    pub fn wait_until(&self, script: &str) {
        self.patiently(script, || match self.run(script) {
            Value::Bool(true) => Ok(()),
            other => Err(format!("it is {other}")),
        });
    }

    /// Waits until the page shows a text.
    #[track_caller]
    pub fn wait_for_text(&self, text: &str) {
        let text = Value::from(text);
        self.wait_until(&format!("return document.body.innerText.includes({text})"));
    }

    /// The text of what a CSS selector names.
    #[track_caller]
    pub fn text(&self, selector: &str) -> String {
        self.patiently(selector, || {
            let element = self.find(selector)?;
            self.command(&format!("/element/{element}/text"), None)
        })
        .as_str()
        .unwrap_or_default()
        .to_owned()
    }

    /// Accepts the question that is asked.
    #[track_caller]
    pub fn accept(&self) {
        self.patiently("a question", || self.command("/alert/accept", Some(&json!({}))));
    }

    /// Forgets all cookies.
    #[track_caller]
    pub fn forget_cookies(&self) {
        let address = format!("{}/cookie", self.session);
        self.agent.delete(&address).call().unwrap_or_else(|error| panic!("{error}"));
    }

    /// What scripts and the browser itself have complained of since this was asked last.
    #[track_caller]
    pub fn complaints(&self) -> Vec<String> {
        let log = self
            .command("/se/log", Some(&json!({"type": "browser"})))
            .unwrap_or_else(|error| panic!("{error}"));
        let lines = log.as_array().cloned().unwrap_or_default();
        let is_serious = |line: &Value| ["WARNING", "SEVERE"].iter().any(|level| line["level"] == *level);
        lines.iter().filter(|line| is_serious(line)).map(|line| line["message"].to_string()).collect()
    }

    /// A picture of the whole page, as PNG in base 64.
    #[track_caller]
    pub fn picture(&self) -> String {
        let width = self.run("return window.outerWidth");
        let resize = |height: u64| {
            drop(self.command("/window/rect", Some(&json!({"width": width, "height": height + 140}))));
        };
        // A page is never lower than its window, which may be as high as the page before.
        resize(500);
        let height = self.run("return document.documentElement.scrollHeight");
        resize(height.as_u64().unwrap_or(900).clamp(500, 3000));
        let picture = self.command("/screenshot", None).unwrap_or_else(|error| panic!("{error}"));
        picture.as_str().unwrap_or_default().to_owned()
    }
}

/// Starts a driver; none where it ends before it listens.
fn start_driver() -> Option<(Child, String)> {
    let mut driver = Command::new("chromedriver")
        .args(["--port=0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver runs");
    let mut lines = BufReader::new(driver.stdout.take().expect("it is piped")).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        Some(line.split_once("started successfully on port ")?.1.trim_end_matches('.').to_owned())
    });
    let Some(port) = port else {
        drop(driver.wait());
        return None;
    };
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    Some((driver, port))
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.agent.delete(&self.session).call());
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

/// The bytes of a picture.
///
/// # Panics
///
/// When it is none.
pub fn decoded(picture: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(picture).expect("drivers send base 64")
}
