import { checkLabelRows } from '../../runtime/core/labels/labels.ts'
import type { CheckFacts, NodeProblem } from '../../runtime/core/node.ts'
import { checkTypedValue } from '../../runtime/core/values/typed-value.ts'
import { upstreamOrigin, whyNoUrl } from '../shared/callouts/callout-url.ts'
import { parseStatuses } from '../shared/callouts/statuses.ts'
import { checkOptions } from '../shared/callouts/upstream-options.ts'
import type { ServiceCalloutConfig } from './config.ts'
import { checkInput } from './input.ts'
import { checkSandbox } from './sandbox.ts'
import { checkSecrets } from './secrets-in-clear.ts'

/** Headers that a flow cannot set: they frame the message or name the host, which the URL does. */
const reserved = new Set(['host', 'content-length', 'connection', 'transfer-encoding', 'upgrade', 'te', 'trailer', 'keep-alive', 'expect', 'proxy-connection'])

/** What the schema cannot say of a callout. */
export function checkCallout(config: ServiceCalloutConfig, facts: Pick<CheckFacts, 'typeOf'>): NodeProblem[] {
  const problems: (NodeProblem | undefined)[] = []
  problems.push(checkAddress(config))
  problems.push(...checkSecrets(config), ...checkLabelRows(config.labels))
  for (const property of ['query', 'headers', 'sandboxHeaders'] as const) {
    for (const { name, value, valueType } of config[property]) {
      if (name.trim() === '') continue
      problems.push(checkInput(value, valueType, property))
      if (property === 'query') continue
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name.trim())) problems.push({ code: 'header.name', property, message: `“${name}” is not a header name.`, remedy: 'Use letters, digits and hyphens.' })
      if (reserved.has(name.trim().toLowerCase())) problems.push({ code: 'header.reserved', property, message: `The header “${name}” is set by the connection itself.`, remedy: 'Remove it; the host comes from the URL and the length from the body.' })
    }
  }
  if (config.bodyFrom === 'expression') problems.push(checkInput(config.body, config.bodyType, 'body'))
  if (!parseStatuses(config.expectedStatus)) problems.push({ code: 'callout.status', property: 'expectedStatus', message: `“${config.expectedStatus}” is no list of statuses.`, remedy: 'Write statuses and ranges, such as 200-299, 404.' })
  if (config.okWhen !== '') problems.push(checkTypedValue(config.okWhen, 'jsonata', 'okWhen'))
  if (config.upstream !== '' && facts.typeOf(config.upstream) !== 'upstream') problems.push({ code: 'config.missing', property: 'upstream', message: 'The upstream that the service callout names does not exist.', remedy: 'Choose another one, or make it.' })
  if (config.auth !== '' && facts.typeOf(config.auth) !== 'callout auth') problems.push({ code: 'config.missing', property: 'auth', message: 'The credentials that the service callout refers to do not exist.', remedy: 'Choose others, or none.' })
  if (config.answerAs === 'stream' && config.transparent) problems.push({ code: 'callout.stream', property: 'answerAs', message: 'A transparent callout takes its answers whole: they cannot come as a stream.', remedy: 'Leave “Transparent” off, take the answer as a body, or use pass through.' })
  if (config.resilience === 'own') problems.push(...checkOptions(config), checkRepeats(config))
  problems.push(...checkSandbox(config, checkUrl, (id) => facts.typeOf(id)))
  if (config.tls !== '' && facts.typeOf(config.tls) !== 'tls-config') problems.push({ code: 'config.missing', property: 'tls', message: 'The TLS configuration that the service callout refers to does not exist.', remedy: 'Choose another one, or none.' })
  return problems.filter((problem) => problem !== undefined)
}

function checkUrl(url: string): NodeProblem | undefined {
  const message = whyNoUrl(url)
  return message === undefined ? undefined : { code: 'callout.url', property: 'url', message, remedy: 'Write https://host/path/{{payload.id}}; take a host that differs between environments from a variable: https://${API_HOST}/path.' }
}

/** With an upstream the URL is a path, without one it is whole. */
function checkAddress({ url, upstream }: ServiceCalloutConfig): NodeProblem | undefined {
  if (upstream === '') return url.trim() === '' ? { code: 'callout.no_url', property: 'url', message: 'The service callout has no URL.', remedy: 'Open the node and enter the address to call, or choose an upstream.' } : checkUrl(url)
  if (url.trim() !== '' && !url.trim().startsWith('/')) return { code: 'callout.path', property: 'url', message: 'The service callout has an upstream and a whole URL.', remedy: 'Write the path only, such as /items/{{payload.id}}; the host is one of the upstream’s targets.' }
  return checkUrl(upstreamOrigin + url.trim())
}

/** Retries that never happen are worth a word. */
function checkRepeats({ method, retries, hedgeMs, headers }: ServiceCalloutConfig): NodeProblem | undefined {
  if ((retries === 0 && hedgeMs === 0) || (method !== 'POST' && method !== 'PATCH')) return undefined
  if (headers.some(({ name }) => name.trim().toLowerCase() === 'idempotency-key')) return undefined
  return { severity: 'warning', code: 'callout.unsafe_retry', property: hedgeMs > 0 ? 'hedgeMs' : 'retries', message: `A ${method} is not safe to repeat: it is retried only when nothing of it was sent, and never hedged.`, remedy: 'Add an Idempotency-Key header that the service minds, or leave the retries out.' }
}
