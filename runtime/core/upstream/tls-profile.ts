import { createSecureContext } from 'node:tls'
import { fault } from '../fault.ts'
import type { Scope } from '../node.ts'
import type { UpstreamTls } from './upstream.ts'

/**
 * The TLS settings of a `tls-config` node, from its credentials or from the environment; `undefined` when
 * it sets nothing. Certificates and keys are read once here, so that a bad one refuses the deploy.
 * @throws Fault `config.invalid`
 */
export function toUpstreamTls(node: NonNullable<ReturnType<Scope['configNode']>>, env: (name: string) => unknown): UpstreamTls | undefined {
  const { config, credentials } = node
  const text = (value: unknown) => (typeof value === 'string' && value.trim() !== '' ? value : undefined)
  const fromEnv = (value: unknown) => {
    const name = text(value)?.replace(/^\$\{(.+)\}$/, '$1')
    return name === undefined ? undefined : text(env(name))
  }
  const entries: [keyof UpstreamTls, string | undefined][] =
    config.certType === 'env'
      ? [['cert', fromEnv(config.certEnv)], ['key', fromEnv(config.keyEnv)], ['ca', fromEnv(config.caEnv)]]
      : config.certType === 'pfx'
        ? [['pfx', text(credentials.p12data)]]
        : [['cert', text(credentials.certdata)], ['key', text(credentials.keydata)], ['ca', text(credentials.cadata)]]
  entries.push(['passphrase', text(credentials.passphrase)], ['servername', text(config.servername)?.trim()])
  if (config.minVersion === 'TLSv1.2' || config.minVersion === 'TLSv1.3') entries.push(['minVersion', config.minVersion])
  const tls: UpstreamTls = Object.fromEntries(entries.filter(([, value]) => value !== undefined))
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw fault('config.invalid', { message: 'The TLS configuration has a certificate without its key, or a key without its certificate.' })
  }
  try {
    const { cert, key, ca, passphrase } = tls
    createSecureContext({ ...(cert ? { cert } : {}), ...(key ? { key } : {}), ...(ca ? { ca } : {}), ...(tls.pfx ? { pfx: Buffer.from(tls.pfx, 'base64') } : {}), ...(passphrase ? { passphrase } : {}) })
  } catch (error) {
    throw fault('config.invalid', { message: `The TLS configuration cannot be read: ${(error as Error).message}.` }, error)
  }
  return Object.keys(tls).length === 0 ? undefined : Object.freeze(tls)
}
