//! Which optimizer, and its settings.

use super::{AdagradConfig, AdamConfig, AdamWConfig, FtrlConfig, LionConfig, Optimizer, RmsPropConfig, SgdConfig};
use crate::{Result, named::name_or_table};
use serde::{Deserialize, Serialize};

/// An optimizer with its settings: a name, `optimizer = "adam"`, or a table, `[optimizer.adam]`.
///
/// ```
/// use trainyard_nn::{OptimizerConfig, optim::AdamConfig};
///
/// let config: OptimizerConfig = toml::from_str("[adam]\nlearning_rate = 0.01")?;
/// assert_eq!(config, OptimizerConfig::Adam(AdamConfig { learning_rate: 0.01, ..Default::default() }));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum OptimizerConfig {
    /// Stochastic gradient descent, with momentum if wanted.
    Sgd(SgdConfig),
    /// Adagrad: good on sparse data, needs little tuning.
    Adagrad(AdagradConfig),
    /// Adam.
    Adam(AdamConfig),
    /// Adam with weight decay apart from the gradient.
    AdamW(AdamWConfig),
    /// RMSProp.
    RmsProp(RmsPropConfig),
    /// FTRL-Proximal: sparse linear models.
    Ftrl(FtrlConfig),
    /// Lion: steps of one length, with half of Adam's memory.
    Lion(LionConfig),
}

impl OptimizerConfig {
    /// The optimizer of these settings.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) when a setting is out of its range.
    pub fn build(&self) -> Result<Box<dyn Optimizer>> {
        Ok(match self {
            Self::Sgd(config) => Box::new(config.build()?),
            Self::Adagrad(config) => Box::new(config.build()?),
            Self::Adam(config) => Box::new(config.build()?),
            Self::AdamW(config) => Box::new(config.build()?),
            Self::RmsProp(config) => Box::new(config.build()?),
            Self::Ftrl(config) => Box::new(config.build()?),
            Self::Lion(config) => Box::new(config.build()?),
        })
    }

    /// Step size at factor 1 of the schedule.
    pub fn learning_rate(&self) -> f32 {
        match self {
            Self::Sgd(config) => config.learning_rate,
            Self::Adagrad(config) => config.learning_rate,
            Self::Adam(config) => config.learning_rate,
            Self::AdamW(config) => config.learning_rate,
            Self::RmsProp(config) => config.learning_rate,
            Self::Ftrl(config) => config.learning_rate,
            Self::Lion(config) => config.learning_rate,
        }
    }
}

/// Adagrad: the canned networks train with it untuned on sparse and dense data alike.
impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::Adagrad(AdagradConfig::default())
    }
}

name_or_table!(OptimizerConfig);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Spec {
        optimizer: OptimizerConfig,
    }

    #[track_caller]
    fn check(text: &str, expected: OptimizerConfig) {
        let spec: Spec = toml::from_str(text).unwrap();
        assert_eq!(spec.optimizer, expected);
        assert_eq!(toml::from_str::<Spec>(&toml::to_string(&spec).unwrap()).unwrap(), spec);
    }

    #[test]
    fn a_name_alone_takes_the_defaults() {
        check("optimizer = 'adam'", OptimizerConfig::Adam(AdamConfig::default()));
        check("optimizer = 'rms_prop'", OptimizerConfig::RmsProp(RmsPropConfig::default()));
    }

    #[test]
    fn a_table_overrides_some_defaults() {
        let expected = FtrlConfig { l1: 0.5, ..Default::default() };
        check("[optimizer.ftrl]\nl1 = 0.5", OptimizerConfig::Ftrl(expected));
        check("[optimizer.adam_w]", OptimizerConfig::AdamW(AdamWConfig::default()));
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        for text in ["optimizer = 'adm'", "[optimizer.adm]"] {
            let error = toml::from_str::<Spec>(text).unwrap_err().to_string();
            assert!(error.contains("unknown variant `adm`") && error.contains("`rms_prop`"), "{error}");
        }
    }

    #[test]
    fn an_unknown_setting_lists_the_known_ones() {
        let error = toml::from_str::<Spec>("[optimizer.adam]\nbeta = 0.5").unwrap_err().to_string();
        assert!(error.contains("unknown field `beta`") && error.contains("`beta_1`"), "{error}");
    }

    #[test]
    fn settings_are_checked_when_it_is_built() {
        let config: Spec = toml::from_str("[optimizer.adam]\nlearning_rate = -1.0").unwrap();
        let error = config.optimizer.build().err().unwrap().to_string();
        assert_eq!(error, "`learning_rate` of adam is -1.0; set it to a number above 0");
    }

    #[test]
    fn every_optimizer_trains_a_row_as_its_numbers() {
        for name in ["sgd", "adagrad", "adam", "adam_w", "rms_prop", "ftrl", "lion"] {
            let spec: Spec = toml::from_str(&format!("optimizer = '{name}'")).unwrap();
            contract::rows_equal_their_numbers(&*spec.optimizer.build().unwrap());
        }
    }

    #[test]
    fn the_learning_rate_is_that_of_the_variant() {
        assert_eq!(OptimizerConfig::default().learning_rate(), 0.05);
    }
}
