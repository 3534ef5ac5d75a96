/** Faults whose text may hold a piece of the data that they are about: a value that did not parse, what a script threw. */
export const tellingFaults: ReadonlySet<string> = new Set([
  'body.malformed', 'cache.ttl', 'condition.type', 'config.invalid', 'each.line', 'expression.error', 'limit.value', 'limit.weight', 'queue.priority', 'quota.unknown', 'reply.invalid', 'schema.invalid',
  'script.error', 'script.output', 'step.config', 'step.error', 'subflow.input', 'subflow.output', 'template.error', 'upstream.body', 'upstream.header', 'upstream.url',
])
