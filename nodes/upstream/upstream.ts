import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { checkTypedValue } from '../../runtime/core/values/typed-value.ts'
import { toKnownUrl, whyNoUrl } from '../shared/callouts/callout-url.ts'
import { parseStatuses } from '../shared/callouts/statuses.ts'
import { type UpstreamConfig, upstreamSchema } from '../shared/callouts/upstream-config.ts'
import { checkOptions } from '../shared/callouts/upstream-options.ts'

/** A service by name: its servers, how calls are spread over them, and how calls stand up when they fail. Service callouts name it. */
export const upstream = defineNode<UpstreamConfig, never>({
  type: 'upstream',
  category: 'callout',
  label: { en: 'upstream', 'zh-TW': '上游服務' },
  summary: { en: 'A service by name: its servers, and what happens when they are slow, wrong or gone.', 'zh-TW': '具名的服務：其伺服器，以及它們變慢、出錯或消失時的處理。' },
  configNode: true,
  inputs: 0,
  outputs: [],
  config: upstreamSchema,
  check(config, facts) {
    const problems: NodeProblem[] = []
    const targets = config.targets.filter(({ url }) => url.trim() !== '')
    if (targets.length === 0) problems.push({ code: 'upstream.no_target', property: 'targets', message: 'The upstream has no target.', remedy: 'Add the address of a server, such as https://api.example.org.' })
    for (const { url } of targets) {
      const reason = whyNoTarget(url)
      if (reason !== undefined) problems.push({ code: 'upstream.target', property: 'targets', message: reason, remedy: 'Write https://host, https://host:port or https://host/path; a part that differs between environments as ${NAME}.' })
    }
    const urls = targets.map(({ url }) => url.trim().replace(/\/+$/, ''))
    const twice = urls.find((url, at) => urls.indexOf(url) !== at)
    if (twice !== undefined) problems.push({ code: 'upstream.target_twice', property: 'targets', message: `The target “${twice}” is there twice.`, remedy: 'Keep one of them, with a higher weight.' })
    if (config.balance === 'hash') {
      const problem = checkTypedValue(config.hashKey, config.hashKeyType, 'hashKey')
      if (config.hashKey.trim() === '') problems.push({ code: 'upstream.no_key', property: 'hashKey', message: 'Calls are spread by a key, and the upstream does not say which.', remedy: 'Enter what a call is spread by, such as req.params.id.' })
      else if (problem) problems.push(problem)
    }
    if (config.checkPath !== '' && !/^\/[!-~]*$/.test(config.checkPath)) problems.push({ code: 'upstream.check_path', property: 'checkPath', message: `“${config.checkPath}” is no path.`, remedy: 'Write a path that begins with a slash, such as /healthz.' })
    if (!parseStatuses(config.checkStatus)) problems.push({ code: 'callout.status', property: 'checkStatus', message: `“${config.checkStatus}” is no list of statuses.`, remedy: 'Write statuses and ranges, such as 200-299, 404.' })
    if (config.tls !== '' && facts.typeOf(config.tls) !== 'tls-config') problems.push({ code: 'config.missing', property: 'tls', message: 'The TLS configuration that the upstream refers to does not exist.', remedy: 'Choose another one, or none.' })
    if (config.auth !== '' && facts.typeOf(config.auth) !== 'callout auth') problems.push({ code: 'config.missing', property: 'auth', message: 'The credentials that the upstream refers to do not exist.', remedy: 'Choose others, or none.' })
    return [...problems, ...checkOptions(config)]
  },
})

/** What is wrong with a target; variables of the environment stand for some plain text. */
function whyNoTarget(url: string): string | undefined {
  const problem = whyNoUrl(url)
  if (problem !== undefined) return problem
  if (/[?#]|\{\{/.test(toKnownUrl(url))) return `“${url}” holds more than scheme, host, port and path.`
  return undefined
}
