import { describe, expect, it } from 'vitest'
import type { ClientRules } from './clients.ts'
import { createRulesDecider } from './client-rules.ts'

const nowMs = Date.parse('2026-01-05T12:00:00Z') // a Monday
const decide = (rules: ClientRules, ip = '192.0.2.1') => createRulesDecider()(rules, { ip, nowMs })

describe('client rules', () => {
  it('let everybody through who has none', () => {
    expect(decide({})).toEqual({ checks: [] })
    expect(decide({ cidrs: [], clearance: 'high', attributes: { a: 'b' } })).toEqual({ checks: [] })
  })

  it('know where a call comes from, IPv4 in IPv6 included', () => {
    expect(decide({ cidrs: ['192.0.2.0/24'] }, '::ffff:192.0.2.9').code).toBeUndefined()
    expect(decide({ cidrs: ['192.0.2.0/24'] }, '198.51.100.1')).toEqual({ code: 'ip.denied', checks: [{ check: 'network', passed: false, ip: '198.51.100.1', networks: ['192.0.2.0/24'] }] })
  })

  it('take each end of a validity alone', () => {
    expect(decide({ validFrom: '2026-01-05T12:00:00Z' }).code).toBeUndefined()
    expect(decide({ validFrom: '2026-01-05T14:00:01+02:00' })).toMatchObject({ code: 'plan.not_yet_valid', retryAtMs: nowMs + 1000 })
    expect(decide({ validUntil: '2026-01-05T12:00:01Z' }).code).toBeUndefined()
    expect(decide({ validUntil: '2026-01-05T12:00:00Z' })).toMatchObject({ code: 'plan.expired' })
  })

  it('say when the client may call again', () => {
    const hours = { zone: 'UTC', windows: [{ days: [2], from: '08:00', to: '09:00' }] }
    expect(decide({ hours })).toMatchObject({ code: 'plan.hours', retryAtMs: Date.parse('2026-01-06T08:00:00Z') })
  })

  it('list what was looked at; the last decided', () => {
    const { checks } = decide({ cidrs: ['0.0.0.0/0'], validFrom: '2020-01-01T00:00:00Z', validUntil: '2021-01-01T00:00:00Z' })
    expect(checks.map(({ check, passed }) => [check, passed])).toEqual([['network', true], ['valid from', true], ['valid until', false]])
  })

  it.each<ClientRules>([{ cidrs: ['10.0.0.0/99'] }, { validFrom: 'soon' }, { validUntil: '2026-13-01T00:00:00Z' }, { hours: { zone: 'Nowhere', windows: [] } }])('refuse when they cannot be read: %j', (rules) => {
    expect(decide(rules)).toMatchObject({ code: 'client.rules', checks: [{ passed: false }] })
  })
})
