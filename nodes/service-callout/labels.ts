import type { LabelMap } from '../../runtime/core/labels/label-map.ts'
import { type LabelFacts, labelsOfRows, type LabelsOut, type Leak } from '../../runtime/core/labels/labels.ts'
import { labelsOfTemplate, labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import type { ServiceCalloutConfig } from './config.ts'

/** What the answer carries as the node says; the rest of the message stays. */
export function labelsOfAnswer({ labels, answerAs, sandbox, mock, sandboxBody, sandboxBodyType }: ServiceCalloutConfig, input: LabelMap, facts: Pick<LabelFacts, 'node'>): LabelsOut {
  const rest = ['payload', 'statusCode', 'headers', 'responseUrl'].reduce((map, name) => map.without([name]), input)
  const played = sandbox === 'mock' || mock !== 'off' ? labelsOfValue(sandboxBody, sandboxBodyType, input, { templates: true }).under(['payload']) : undefined
  const came = labelsOfRows(labels, facts)
  // A stream has no fields yet: what it says lies in its lines, wherever.
  const ok = rest.and(answerAs === 'stream' ? came.and(came.at(['payload']).anywhere.under(['payload'])) : came)
  const answered = played ? ok.and(played) : ok
  // Nothing may have been answered: then the message goes on as it came.
  return { ok: answered, error: answered.and(input), timeout: answered.and(input) }
}

/** What of a message goes out with the call. */
export function leaksOfCallout(config: ServiceCalloutConfig, input: LabelMap): readonly Leak[] {
  const out = (what: string, property: string, labels: LabelMap): Leak => ({ to: 'callout', what, property, labels })
  const pairs = (what: string, property: 'query' | 'headers' | 'sandboxHeaders') => (config[property] ?? []).map(({ name, value, valueType }) => out(`${what} ${name}`, property, labelsOfValue(value, valueType, input, { templates: true })))
  const sendsPayload = config.bodyFrom === 'payload' || (config.bodyFrom === 'auto' && (config.transparent || !['GET', 'HEAD', 'DELETE', 'OPTIONS'].includes(config.method)))
  return [
    out('the URL', 'url', labelsOfTemplate(config.url, input)),
    ...(config.method === 'use' ? [out('the method', 'method', input.at(['method']))] : []),
    out('the sandbox URL', 'sandboxUrl', labelsOfTemplate(config.sandboxUrl, input)),
    ...pairs('the parameter', 'query'),
    ...pairs('the header', 'headers'),
    ...pairs('the header', 'sandboxHeaders'),
    ...(sendsPayload ? [out('payload', 'bodyFrom', input.at(['payload']))] : []),
    ...(config.bodyFrom === 'expression' ? [out('the body', 'body', labelsOfValue(config.body, config.bodyType, input, { templates: true }))] : []),
    ...(config.passQuery || config.transparent ? [out('the caller’s query', 'passQuery', input.at(['req', 'url']).and(input.at(['req', 'query'])))] : []),
    ...(config.transparent ? [out('the caller’s headers', 'transparent', input.at(['req', 'headers']))] : []),
  ]
}
