import { systemClock } from '../../runtime/core/clock.ts'
import { openStore } from '../store/store.ts'
import { setAdmin } from './first-password.ts'
import { defaultCost, generatePassword } from './password.ts'

/**
 * Gives `admin` a new generated password, for somebody who lost it and has the folder. Control must not be running.
 * @throws Refused `store.locked` naming the process that has the folder
 */
export async function resetAdminPassword(dataDir: string, databaseUrl?: string): Promise<string> {
  const store = await openStore({ dataDir, databaseUrl })
  try {
    const password = generatePassword()
    await setAdmin(store, systemClock, password, defaultCost)
    return password
  } finally {
    await store.close()
  }
}
