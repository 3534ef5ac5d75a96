import { describe, expect, it } from 'vitest'
import { checkNode } from '../../test/kit/node-tester.ts'
import { toUpstreamTls } from '../../runtime/core/upstream/tls-profile.ts'
import { tlsConfig } from './tls-config.ts'

describe('tls-config', () => {
  it('takes what the stock form writes', () => {
    expect(checkNode(tlsConfig, { certType: 'files', cert: '', key: '', ca: '', certname: 'a.pem', keyname: '', caname: '', servername: '', verifyservercert: true, alpnprotocol: '', p12: '', p12name: '' })).toEqual([])
  })
  it.each([
    [{ cert: '/etc/cert.pem' }, 'tls.file'],
    [{ verifyservercert: false }, 'tls.verify'],
    [{ alpnprotocol: 'h2' }, 'tls.alpn'],
  ])('refuses or warns about %j', (config, code) => expect(checkNode(tlsConfig, config)).toMatchObject([{ code }]))
})

describe('a TLS profile', () => {
  const profile = (config: object, credentials: Record<string, unknown> = {}, env: Record<string, string> = {}) =>
    toUpstreamTls({ type: 'tls-config', config: { certType: 'files', ...config }, credentials }, (name) => env[name])
  it('is nothing when nothing is set', () => expect(profile({})).toBeUndefined())
  it('carries the lowest version', () => expect(profile({ minVersion: 'TLSv1.3' })).toEqual({ minVersion: 'TLSv1.3' }))
  it('carries the name to expect', () => expect(profile({ servername: ' api.example ' })).toEqual({ servername: 'api.example' }))
  it('that cannot be used refuses the deploy', () => {
    expect(() => profile({}, { certdata: 'x' })).toThrow(/without its key/)
    expect(() => profile({}, { cadata: 'no pem', certdata: 'no pem', keydata: 'no pem' })).toThrow(/cannot be read/)
    expect(() => profile({ certType: 'env', certEnv: 'CERT' }, {}, { CERT: 'no pem' })).toThrow(/without its key/)
  })
})
