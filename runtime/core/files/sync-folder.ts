import { open } from 'node:fs/promises'

/** Makes what was made or renamed in a folder last: after a power cut it is there only when its folder says so. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r')
    await handle.sync().finally(() => handle.close())
  } catch {
    // not every system can sync a folder; the next start would find what was there before
  }
}
