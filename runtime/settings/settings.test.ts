import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { describeSettings, environmentFor, loadSettings, settingNames, SettingsError, variableOf } from '../settings.ts'

let cwd: string
beforeEach(() => void (cwd = mkdtempSync(join(tmpdir(), 'sluice-settings-'))))
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

const load = (env: Record<string, string> = {}) => loadSettings({ env, cwd })
function sentences(env: Record<string, string>): readonly string[] {
  try {
    load(env)
    return []
  } catch (thrown) {
    if (thrown instanceof SettingsError) return thrown.sentences
    throw thrown
  }
}

describe('values', () => {
  test('the defaults need no setting at all, and cannot be changed', () => {
    const settings = load()
    expect(settings).toMatchObject({ host: '127.0.0.1', gatewayPort: 8080, opsPort: 8081, controlPort: 1880, samples: true, deadlineMs: 30_000, bodyLimitBytes: 5_242_880, dataDir: join(cwd, 'data') })
    expect(Object.isFrozen(settings) && Object.isFrozen(settings.egressAllow)).toBe(true)
  })

  test('a variable that is set to nothing is as if it were not there', () => {
    expect(load({ SLUICE_GATEWAY_PORT: '' }).gatewayPort).toBe(8080)
  })

  test('the address of the editor has no path: its pages lie at the top', () => {
    expect(load({ SLUICE_CONTROL_PUBLIC_URL: 'https://sluice.example/' }).controlPublicUrl).toBe('https://sluice.example/')
    for (const wrong of ['sluice.example', 'https://sluice.example/editor', 'https://me:pw@sluice.example', 'ftp://sluice.example']) {
      expect(sentences({ SLUICE_CONTROL_PUBLIC_URL: wrong })).toEqual([expect.stringContaining('expected an http or https URL without a path')])
    }
  })

  test('sizes may be written with KB and MB', () => {
    expect(load({ SLUICE_BODY_LIMIT_BYTES: '2MB' }).bodyLimitBytes).toBe(2_097_152)
    expect(sentences({ SLUICE_DEADLINE_MS: '2MB' })).toHaveLength(1)
  })

  test('flows see only the variables that were named', () => {
    const settings = load({ SLUICE_FLOW_ENV: 'API_HOST, MISSING', API_HOST: 'x.test', OTHER: 'y' })
    expect(settings.flowEnvironment).toEqual({ API_HOST: 'x.test' })
  })
})

test('a trusted proxy that is no address or range stops the start', () => {
  for (const good of ['10.0.0.0/8', '192.0.2.1', '::1', 'fd00::/8', 'loopback, private']) expect(sentences({ SLUICE_TRUSTED_PROXIES: good })).toEqual([])
  for (const bad of ['nonsense', '10.0.0.0/99', '10.0.0.0/8/8', '10.0.0/8', '::1/129', '10.0.0.0/']) {
    expect(sentences({ SLUICE_TRUSTED_PROXIES: bad })).toEqual([expect.stringMatching(/^SLUICE_TRUSTED_PROXIES names “.*”; expected addresses or CIDR ranges/)])
  }
})

describe('the file', () => {
  test('gives what the environment does not', () => {
    writeFileSync(join(cwd, 'sluice.json'), JSON.stringify({ gatewayPort: 9000, opsPort: 9001 }))
    expect(load({ SLUICE_OPS_PORT: '9002' })).toMatchObject({ gatewayPort: 9000, opsPort: 9002 })
  })

  test('is refused for a name that is none, with the one that was probably meant', () => {
    writeFileSync(join(cwd, 'sluice.json'), JSON.stringify({ gatwayPort: 9000 }))
    expect(sentences({})[0]).toContain('did you mean “gatewayPort”?')
  })

  test('that is named and missing, or no JSON, stops the start and quotes nothing of it', () => {
    expect(sentences({ SLUICE_CONFIG: 'none.json' })[0]).toContain('SLUICE_CONFIG')
    writeFileSync(join(cwd, 'sluice.json'), '{"adminPassword": "hunter2-hunter2"')
    expect(sentences({})[0]).toMatch(/is not valid JSON/)
    expect(sentences({})[0]).not.toContain('hunter2')
  })
})

describe('refusals', () => {
  test('of signing in elsewhere want what belongs together, and issuers that nobody on the way can read', () => {
    expect(sentences({ SLUICE_SIGN_IN: 'openid' })).toEqual([expect.stringContaining('expected SLUICE_AUTH or SLUICE_AUTH_ISSUER')])
    expect(sentences({ SLUICE_UPSTREAM_OIDC_ISSUER: 'https://login.example.org' })).toEqual([expect.stringContaining('SLUICE_UPSTREAM_OIDC_CLIENT_SECRET')])
    const client = { SLUICE_UPSTREAM_OIDC_CLIENT_ID: 'a', SLUICE_UPSTREAM_OIDC_CLIENT_SECRET: 'b' }
    for (const wrong of ['http://login.example.org', 'https://a:b@login.example.org', 'https://login.example.org?x', 'login.example.org']) expect(sentences({ ...client, SLUICE_UPSTREAM_OIDC_ISSUER: wrong })).toEqual([expect.stringContaining('expected an https URL')])
    for (const wrong of ['staff=viewer', 'groups:staff=chief', 'groups:staff']) expect(sentences({ SLUICE_UPSTREAM_OIDC_ROLES: wrong })).toEqual([expect.stringContaining('claim:value=role')])
    expect(load({ ...client, SLUICE_UPSTREAM_OIDC_ISSUER: 'https://login.example.org/realms/x', SLUICE_UPSTREAM_OIDC_ROLES: 'https://x.example/roles:a=admin,groups:b=viewer' }).upstreamOidcRoles).toEqual(['https://x.example/roles:a=admin', 'groups:b=viewer'])
  })

  test('name the variable, the value and what is expected, all at once', () => {
    const said = sentences({ SLUICE_GATEWAY_PORT: 'abc', SLUICE_GATEWAYS: '0', SLUICE_LOG_LEVEL: 'loud' })
    expect(said).toHaveLength(3)
    expect(said.join('\n')).toContain('SLUICE_GATEWAY_PORT is “abc”; expected a port from 0 to 65535 (0 picks a free one).')
  })

  test('an unknown SLUICE_ name gets the nearest one', () => {
    expect(sentences({ SLUICE_GATWAY_PORT: '1' })).toEqual(['SLUICE_GATWAY_PORT is not a setting; did you mean SLUICE_GATEWAY_PORT?'])
  })

  test('never repeat a secret', () => {
    const said = sentences({ SLUICE_ADMIN_PASSWORD: 'short', DATABASE_URL: 'mysql://u:geheim@db' }).join('\n')
    expect(said).not.toMatch(/short|geheim/)
    expect(said).toContain('SLUICE_ADMIN_PASSWORD')
  })

  test('settings that only fit alone: half a certificate, one port for two, a secret shown to flows', () => {
    expect(sentences({ SLUICE_TLS_CERT_FILE: 'a.pem' })[0]).toContain('SLUICE_TLS_KEY_FILE')
    expect(sentences({ SLUICE_OPS_PORT: '8080' })[0]).toContain('two different ports')
    expect(sentences({ SLUICE_FLOW_ENV: 'DATABASE_URL' })[0]).toContain('DATABASE_URL')
  })

  test('no text makes the parser fail in another way', () => {
    fc.assert(fc.property(fc.constantFrom(...settingNames), fc.string(), (name, text) => {
      try {
        loadSettings({ env: { [variableOf(name)]: text, SLUICE_CONFIG: 'off' }, cwd })
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(SettingsError)
        for (const sentence of (thrown as SettingsError).sentences) expect(sentence).toMatch(/expected|not a setting|names/)
      }
    }), { numRuns: 60 })
  })
})

describe('what a child is given', () => {
  test('makes the same settings again', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 65_000 }), fc.integer({ min: 1, max: 1000 }), fc.array(fc.domain(), { maxLength: 3 }), (port, deadlineMs, egressAllow) => {
      const given = { ...load({ SLUICE_CONFIG: 'off', SLUICE_CONTROL_PORT: '0', SLUICE_OPS_PORT: '0' }), gatewayPort: port, deadlineMs, egressAllow }
      const again = loadSettings({ env: environmentFor('gateway', given), cwd })
      expect(again).toMatchObject({ gatewayPort: port, deadlineMs, egressAllow, dataDir: given.dataDir })
    }), { numRuns: 15 })
  })

  test('a gateway gets no database, no password and no key', () => {
    const settings = load({ DATABASE_URL: 'postgres://u:geheim@db/x', SLUICE_ADMIN_PASSWORD: 'geheim-geheim', SLUICE_CREDENTIAL_KEY: 'ab'.repeat(32) })
    const env = environmentFor('gateway', settings)
    expect(JSON.stringify(env)).not.toMatch(/geheim|abab/)
    expect(environmentFor('control', settings)).toMatchObject({ DATABASE_URL: 'postgres://u:geheim@db/x' })
  })
})

test('the settings page of the manual says what the schema says', () => {
  expect(readFileSync(new URL('../../docs/settings.md', import.meta.url), 'utf8')).toBe(describeSettings())
})
