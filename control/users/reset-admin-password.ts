import { systemClock } from '../../runtime/core/time/clock.ts'
import { createAudit } from '../audit.ts'
import { loadCredentialsKey } from '../keys/key-files.ts'
import { openStore } from '../store/store.ts'
import { setAdmin } from './first-password.ts'
import { defaultCost, generatePassword } from './password.ts'

/**
 * Gives `admin` a new generated password, for somebody who lost it and has the folder. Control must not be running.
 * @throws Refused `store.locked` naming the process that has the folder
 */
export async function resetAdminPassword(dataDir: string, databaseUrl?: string, credentialsKey?: string): Promise<string> {
  const store = await openStore({ dataDir, databaseUrl })
  try {
    const password = generatePassword()
    const audit = createAudit(store, systemClock, { keys: loadCredentialsKey(dataDir, credentialsKey) })
    await setAdmin(store, systemClock, password, defaultCost, { audit, by: 'command line' })
    return password
  } finally {
    await store.close()
  }
}
