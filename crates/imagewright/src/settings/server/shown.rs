//! Settings as a server shows them to its administrators.

use imagewright_server::{SettingLayer, SettingOrigin, SettingView};

use crate::settings::shown::{Layer, Setting};

impl From<Setting> for SettingView {
    fn from(setting: Setting) -> Self {
        let layer = match setting.origin.layer {
            Layer::Default => SettingLayer::Default,
            Layer::Machine => SettingLayer::Machine,
            Layer::SystemFile => SettingLayer::SystemFile,
            Layer::UserFile => SettingLayer::UserFile,
            Layer::Variable => SettingLayer::Variable,
            Layer::Flag => SettingLayer::Flag,
        };
        let origin = SettingOrigin { layer, place: setting.origin.place };
        Self { name: setting.name, value: setting.value, default: setting.default, origin }
    }
}
