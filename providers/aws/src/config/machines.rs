//! What the name of an instance type says about the machine, and which image fits it.
//!
//! A name is a series of letters, a generation, and letters for what is particular: `m7gd.xlarge` is of the series `m`, with a Graviton
//! processor (`g`) and a disk (`d`). A preflight asks EC2 whether there is such a type; which processor it has is known by its name alone.

use nic_sdk::findings::Findings;

/// What a machine has besides processor and memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accelerator {
    /// GPUs that Nebari's images and device plugin are for.
    Nvidia,
    /// Inferentia or Trainium, which have an image of their own.
    Neuron,
    /// Something that no image of EKS has a driver for.
    Other(&'static str),
}

/// A machine, as far as an image has to fit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Machine {
    arm: bool,
    accelerator: Option<Accelerator>,
}

impl Machine {
    fn of(instance: &str) -> Self {
        let family = instance.split_once('.').map_or(instance, |(family, _)| family);
        let (base, variant) = family.split_once('-').unwrap_or((family, ""));
        let generation = base.find(|c: char| c.is_ascii_digit()).unwrap_or(base.len());
        let (series, rest) = base.split_at(generation);
        let particular = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        // Before there were letters for it, Graviton was a series; and Grace is what the machines with GB200 have.
        let arm = base == "a1" || particular.contains('g') || variant.starts_with("gb");
        let accelerator = match series {
            "g" if particular == "ad" => Some(Accelerator::Other("AMD GPUs")),
            "g" | "gr" | "p" => Some(Accelerator::Nvidia),
            "inf" | "trn" => Some(Accelerator::Neuron),
            "dl" => Some(Accelerator::Other("accelerators for deep learning that are neither NVIDIA's nor AWS's")),
            "f" => Some(Accelerator::Other("FPGAs")),
            "vt" => Some(Accelerator::Other("accelerators for video")),
            _ => None,
        };
        Self { arm, accelerator }
    }
}

/// The image that a group of these machines gets.
pub fn image(instance: &str, gpu: bool) -> &'static str {
    let machine = Machine::of(instance);
    match (machine.arm, gpu, machine.accelerator) {
        // It came when G5g got an image (awslabs/amazon-eks-ami#853).
        (true, true, _) => "AL2023_ARM_64_NVIDIA",
        (true, false, _) => "AL2023_ARM_64_STANDARD",
        (false, true, _) => "AL2023_x86_64_NVIDIA",
        (false, false, Some(Accelerator::Neuron)) => "AL2023_x86_64_NEURON",
        (false, false, _) => "AL2023_x86_64_STANDARD",
    }
}

/// Whether the image once did not follow the machine. Groups of before have another one then, and keep it: with a new one they would be
/// replaced.
pub fn had_another_image(instance: &str, gpu: bool) -> bool {
    !gpu && image(instance, gpu) != "AL2023_x86_64_STANDARD"
}

/// Warns where pods would not find what the machine has, or look for what it does not have. The pointers are those of the group and of its
/// machine.
pub fn tell(group: &str, instance: &str, gpu: bool, (at_group, at_instance): (&str, &str), findings: &mut Findings) {
    let accelerator = Machine::of(instance).accelerator;
    if gpu && accelerator != Some(Accelerator::Nvidia) {
        let detail = format!(
            "`{instance}` of `{group}` has no NVIDIA GPU: its nodes get an image with drivers, and pods find nothing to drive"
        );
        let hint = "remove `gpu: true`, or choose a machine with GPUs, such as `g5.xlarge`";
        let told = findings.warning("GPU_MISSING", "The machine has no GPU", detail, &format!("{at_group}/gpu"));
        told.hints.push(hint.to_owned());
        return;
    }
    let (code, summary, why, hint) = match accelerator {
        Some(Accelerator::Nvidia) if !gpu => (
            "GPU_NOT_USED",
            "The GPUs would not be used",
            "GPUs, and without `gpu: true` its nodes have neither drivers nor a device plugin: no pod would see a GPU".to_owned(),
            format!("write `gpu: true` for `{group}`"),
        ),
        Some(Accelerator::Neuron) => (
            "ACCELERATOR_NOT_SERVED",
            "The accelerators need more than NIC makes",
            "AWS Neuron accelerators: its nodes get the image with the drivers, and pods see an accelerator only once the device \
             plugin of Neuron runs, which NIC does not install"
                .to_owned(),
            "deploy the device plugin of AWS Neuron when the platform stands".to_owned(),
        ),
        Some(Accelerator::Other(what)) => (
            "ACCELERATOR_NOT_SERVED",
            "The accelerators need more than NIC makes",
            format!("{what}, and no image of EKS has the drivers"),
            "choose a machine without, or install drivers and a device plugin when the platform stands".to_owned(),
        ),
        _ => return,
    };
    let detail = format!("`{instance}` of `{group}` has {why}");
    findings.warning(code, summary, detail, at_instance).hints.push(hint);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_g_behind_the_generation_is_a_graviton() {
        for arm in [
            "a1.large",
            "t4g.xlarge",
            "m6g.large",
            "m7gd.metal",
            "c7gn.large",
            "r8gb.large",
            "x2gd.large",
            "im4gn.large",
            "is4gen.large",
            "hpc7g.4xlarge",
            "i8ge.large",
            "g5g.xlarge",
            "p6e-gb200.36xlarge",
        ] {
            assert!(Machine::of(arm).arm, "{arm}");
        }
        for x86 in [
            "m5.2xlarge",
            "g4dn.xlarge",
            "g5.xlarge",
            "g6e.xlarge",
            "gr6.4xlarge",
            "p5en.48xlarge",
            "m7i-flex.large",
            "u-12tb1.metal",
            "u7i-12tb.224xlarge",
            "x2iedn.large",
            "p6-b200.48xlarge",
            "t3a.large",
            "inf2.xlarge",
            "nonsense",
        ] {
            assert!(!Machine::of(x86).arm, "{x86}");
        }
    }

    #[test]
    fn accelerators_are_told_apart_by_the_series() {
        let of = |instance: &str| Machine::of(instance).accelerator;
        for gpu in ["g4dn.xlarge", "g5g.xlarge", "gr6.4xlarge", "p3.2xlarge", "p6-b300.48xlarge", "p6e-gb200.36xlarge"]
        {
            assert_eq!(of(gpu), Some(Accelerator::Nvidia), "{gpu}");
        }
        assert_eq!((of("inf2.xlarge"), of("trn1n.32xlarge")), (Some(Accelerator::Neuron), Some(Accelerator::Neuron)));
        for other in ["g4ad.xlarge", "dl1.24xlarge", "dl2q.24xlarge", "vt1.3xlarge", "f2.6xlarge"] {
            assert!(matches!(of(other), Some(Accelerator::Other(_))), "{other}");
        }
        for none in
            ["m5.large", "t4g.large", "is4gen.large", "im4gn.large", "u-12tb1.metal", "mac-m4.metal", "x2gd.large", ""]
        {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn the_image_follows_the_machine() {
        for (instance, gpu, fits) in [
            ("m5.xlarge", false, "AL2023_x86_64_STANDARD"),
            ("g4dn.xlarge", true, "AL2023_x86_64_NVIDIA"),
            ("g4dn.xlarge", false, "AL2023_x86_64_STANDARD"),
            ("m7g.xlarge", false, "AL2023_ARM_64_STANDARD"),
            ("g5g.xlarge", true, "AL2023_ARM_64_NVIDIA"),
            ("inf2.xlarge", false, "AL2023_x86_64_NEURON"),
        ] {
            assert_eq!(image(instance, gpu), fits, "{instance}");
        }
        assert!(had_another_image("m7g.xlarge", false) && had_another_image("inf2.xlarge", false));
        assert!(!had_another_image("g4dn.xlarge", true) && !had_another_image("m5.xlarge", false));
    }
}
