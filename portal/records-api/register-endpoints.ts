import type { ApiRegistration, ApiRegistrations } from '../../control/contract.ts'
import type { Endpoint } from './endpoint.ts'

const base = '/api/v1'
const mebibyte = 1024 * 1024
const dryRun = { name: 'dryRun', description: 'Only say what would be done.', schema: { type: 'boolean' } }

/** URLs and OpenAPI documents become APIs: each the flow and the record at once. */
export const registerEndpoints: readonly Endpoint[] = [
  {
    method: 'POST', path: `${base}/apis/register`, operation: 'registerApi', tag: 'apis', right: 'apis.write', request: 'ApiRegistration', bodyLimitBytes: 10 * mebibyte, status: 200, answer: { schema: 'RegistrationResult' },
    summary: 'Makes a flow and an API of a URL or of an OpenAPI document, or changes them: all of it or nothing.', query: [dryRun],
    async handle({ publishing, body, query, by }) {
      const input = body as unknown as ApiRegistration
      return { body: await (query['dryRun'] === true ? publishing.preview(input, by) : publishing.register(input, by)) }
    },
  },
  {
    method: 'POST', path: `${base}/apis/register-bulk`, operation: 'registerApis', tag: 'apis', right: 'apis.write', request: 'ApiRegistrations', bodyLimitBytes: 32 * mebibyte, status: 200, answer: { schema: 'RegistrationResult' },
    summary: 'The same for several APIs, in one deploy: all of it or nothing.', query: [dryRun],
    async handle({ publishing, body, query, by }) {
      const input = body as unknown as ApiRegistrations
      return { body: await (query['dryRun'] === true ? publishing.preview(input, by) : publishing.register(input, by)) }
    },
  },
]
