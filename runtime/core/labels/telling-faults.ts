/** Faults whose text may hold a piece of the data that they are about: a value that did not parse, what a script threw. */
export const tellingFaults: ReadonlySet<string> = new Set(['body.malformed', 'config.invalid', 'expression.error', 'schema.invalid', 'script.error', 'script.output', 'step.config', 'step.error', 'template.error'])
