import { parameterProblems } from "../templates/parameters.ts";
import type { Problem } from "./document.ts";
import { itemsOf } from "./duplicates.ts";
import { declarations, describedParameter, presetParameters } from "./parameter-fields.ts";

/**
 * Finds the parameters of presets that their template's declarations refuse. A preset without prebuilds may leave out
 * what somebody has to give: who asks for the workspace gives it. Nobody is there to do so for a prebuild. Like the
 * search for duplicates, it reads the document as given, so that all problems of a file can be reported at once.
 */
export function findPresetProblems(raw: unknown): Problem[] {
  return itemsOf(raw, "templates").flatMap((template, index) => {
    const declared = declarations.safeParse(template["parameters"]);
    if (!declared.success) return [];
    const parameters = declared.data.map(describedParameter);
    return itemsOf(template, "presets").flatMap((preset, position) => {
      const given = presetParameters.safeParse(preset["parameters"]);
      if (!given.success) return [];
      const path = ["templates", index, "presets", position, "parameters"];
      const values = Object.entries(given.data).map(([name, value]) => ({ name, value }));
      return parameterProblems(parameters, values).flatMap(({ name, problem }): Problem[] => {
        if (Object.hasOwn(given.data, name)) {
          const atKey = !parameters.some((parameter) => parameter.name === name);
          return [{ path: [...path, name], message: problem, atKey }];
        }
        return preset["prebuilds"] === undefined ? [] : [{ path, message: `${name} ${problem}`, atKey: false }];
      });
    });
  });
}
