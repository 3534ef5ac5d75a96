import { resetAdminPassword } from '../../control/users/reset-admin-password.ts'
import type { Settings } from '../settings.ts'
import type { Output } from './outcome.ts'

/** `sluice password reset`: for somebody who lost the password and has the data folder. */
export async function runPasswordReset(settings: Settings, output: Output): Promise<void> {
  const password = await resetAdminPassword(settings.dataDir, settings.databaseUrl, settings.credentialKey)
  const hint = settings.adminPassword ? '\nSLUICE_ADMIN_PASSWORD is set and wins again at the next start.' : ''
  output.result(`The password of admin is now: ${password}${hint}`, { user: 'admin', password })
}
