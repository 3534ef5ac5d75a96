import { expect, it } from 'vitest'
import { createVaultMetrics, type VaultNumbers } from './vault-metrics.ts'

const numbers: VaultNumbers = { domains: 2, tokens: 1200, toReseal: 0, dataKeys: { replaced: 1, fullest: 0.25 }, keys: { scheduled: 3, overdue: 1, replaced: 2, next: { at: '2026-01-01T00:00:00.000Z' } }, certificates: [{ name: 'bank', daysLeft: 12 }, { name: 'old "one"', daysLeft: -3 }] }

it('says how many days each certificate has left, how far data keys are used, and when a key is due', async () => {
  const text = await createVaultMetrics({ read: () => Promise.resolve(numbers), process: false }).text()
  for (const line of [
    'sluice_vault_up 1', 'sluice_vault_certificate_days_left{certificate="bank"} 12', 'sluice_vault_certificate_days_left{certificate="old \\"one\\""} -3', 'sluice_vault_data_key_fullest_ratio 0.25', 'sluice_vault_data_keys_replaced 1',
    'sluice_vault_keys_scheduled 3', 'sluice_vault_keys_overdue 1', 'sluice_vault_keys_replaced 2', 'sluice_vault_key_next_due_timestamp_seconds 1767225600', 'sluice_vault_rows_to_reseal 0', 'sluice_vault_domains 2', 'sluice_vault_tokens 1200',
  ]) expect(text.split('\n')).toContain(line)
})

it('shows a certificate no more that is gone, and a vault that cannot be asked as down', async () => {
  let known: VaultNumbers | undefined = numbers
  const metrics = createVaultMetrics({ read: () => (known ? Promise.resolve(known) : Promise.reject(new Error('away'))), process: false })
  await metrics.text()
  known = { ...numbers, certificates: [] }
  expect(await metrics.text()).not.toContain('certificate="')
  known = undefined
  expect(await metrics.text()).toContain('sluice_vault_up 0\n')
})
