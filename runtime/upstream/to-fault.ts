import { Fault, fault } from '../core/fault.ts'

const dnsCodes = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'EAI_NONAME', 'EAI_FAIL', 'ENODATA', 'EBADNAME'])
const brokenCodes = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'ECONNABORTED', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'UND_ERR_DESTROYED', 'UND_ERR_CLOSED'])
const tlsCodes = new Set([
  'CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'CERT_REVOKED', 'CERT_REJECTED', 'CERT_UNTRUSTED', 'CERT_SIGNATURE_FAILURE', 'CERT_CHAIN_TOO_LONG',
  'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'HOSTNAME_MISMATCH', 'INVALID_CA', 'INVALID_PURPOSE', 'EPROTO',
])

/** What a connection threw, as a fault a flow can act on. `started` says whether an answer had begun. */
export function toUpstreamFault(thrown: unknown, host: string, started: boolean): Fault {
  if (thrown instanceof Fault) return thrown
  const error = firstOf(thrown)
  const code = error.code ?? ''
  const reason = error.message === '' ? code : error.message
  if (dnsCodes.has(code)) return fault('upstream.dns', { host }, thrown)
  if (tlsCodes.has(code) || code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL') || code.startsWith('ERR_OSSL')) return fault('upstream.tls', { host, reason }, thrown)
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return fault('upstream.connect', { host, reason: 'the connection was not accepted in time' }, thrown)
  if (code.startsWith('HPE_') || error.name === 'HTTPParserError') return fault('upstream.body', { host, type: 'HTTP', reason }, thrown)
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return fault('upstream.body', { host, type: 'HTTP', reason: 'its headers are too large' }, thrown)
  if (code === 'UND_ERR_INVALID_ARG') {
    const name = /^invalid (?<name>\S+) header/.exec(reason)?.groups?.name
    return fault('upstream.header', name === undefined ? { name: 'request', reason } : { name }, thrown)
  }
  if (started || brokenCodes.has(code)) return fault('upstream.eof', { host }, thrown)
  return fault('upstream.connect', { host, reason }, thrown)
}

/** Happy Eyeballs (RFC 8305) reports every attempt; the first says enough. */
function firstOf(thrown: unknown): { code?: string; name?: string; message: string } {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return firstOf(thrown.errors[0])
  if (thrown instanceof Error) return thrown as NodeJS.ErrnoException
  return { message: String(thrown) }
}
