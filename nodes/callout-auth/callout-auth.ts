import { isHostPattern } from '../../runtime/core/access/credential-use.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { parseUrlTemplate } from '../../runtime/core/upstream/url-template.ts'
import { type CalloutAuthConfig, calloutAuthSchema } from '../shared/callouts/callout-auth-config.ts'
import { toKnownUrl } from '../shared/callouts/callout-url.ts'

/** What proves to a service who calls. Its secrets are kept apart from the flow, or come from the environment. */
export const calloutAuth = defineNode<CalloutAuthConfig, never>({
  type: 'callout auth',
  category: 'callout',
  label: { en: 'callout credentials', 'zh-TW': '呼叫憑證' },
  summary: { en: 'What proves to a service who calls: Basic, bearer, OAuth 2.0 client credentials or an API key.', 'zh-TW': '向服務證明呼叫者身分：Basic、Bearer、OAuth 2.0 用戶端憑證或 API 金鑰。' },
  configNode: true,
  inputs: 0,
  outputs: [],
  credentials: { user: 'text', password: 'password', token: 'password', clientSecret: 'password', apiKey: 'password' },
  config: calloutAuthSchema,
  check(config, facts) {
    const problems: NodeProblem[] = []
    if (config.kind === 'key' && !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(config.keyName)) {
      problems.push({ code: 'header.name', property: 'keyName', message: `“${config.keyName}” is no name that an API key can stand under.`, remedy: 'Use letters, digits and hyphens, such as X-API-Key.' })
    }
    const wrong = config.hosts.find((host) => host.trim() !== '' && !isHostPattern(host))
    if (wrong !== undefined) problems.push({ code: 'callout.auth_pattern', property: 'hosts', message: `“${wrong}” is no host that credentials may be sent to.`, remedy: 'Write a host, such as api.example.org, with :port if need be, or *.example.org for all hosts below it.' })
    if (config.kind === 'oauth') {
      if (config.tokenUrl.trim() === '') problems.push({ code: 'callout.token_url', property: 'tokenUrl', message: 'The credentials do not say where tokens come from.', remedy: 'Enter the address of the token endpoint.' })
      else {
        try {
          if (!parseUrlTemplate(toKnownUrl(config.tokenUrl)).constant) throw new Error('The address of the token endpoint does not come from a message.')
        } catch (error) {
          problems.push({ code: 'callout.token_url', property: 'tokenUrl', message: (error as Error).message, remedy: 'Write https://host/path, or take it from a variable.' })
        }
      }
      if (config.clientId.trim() === '') problems.push({ code: 'callout.client', property: 'clientId', message: 'The credentials have no client id.', remedy: 'Enter the id that the token endpoint knows this gateway by.' })
      if (config.tls !== '' && facts.typeOf(config.tls) !== 'tls-config') problems.push({ code: 'config.missing', property: 'tls', message: 'The TLS configuration of the token endpoint does not exist.', remedy: 'Choose another one, or none.' })
    }
    return problems
  },
})
