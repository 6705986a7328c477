//! Scripts for entry points. They are rattler's, to the byte.

use rattler_conda_types::package::EntryPoint;

use crate::prefix::LONGEST_SHEBANG;

/// The script that calls an entry point with the interpreter at `python`.
pub(super) fn script(entry_point: &EntryPoint, python: &str) -> String {
    let EntryPoint { command: _, module, function } = entry_point;
    let imported = function.split('.').next().unwrap_or(function);
    let shebang = if python.len() > LONGEST_SHEBANG - 2 {
        format!("#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\" #'''")
    } else {
        format!("#!{python}")
    };
    format!(
        "{shebang}\n\
         # -*- coding: utf-8 -*-\n\
         import re\n\
         import sys\n\
         \n\
         from {module} import {imported}\n\
         \n\
         if __name__ == '__main__':\n\
         \tsys.argv[0] = re.sub(r'(-script\\.pyw?|\\.exe)?$', '', sys.argv[0])\n\
         \tsys.exit({function}())\n"
    )
}
