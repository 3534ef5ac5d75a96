/** Languages in which people read what Sluice says of their calls. */
export type ReadLanguage = 'en' | 'zh-TW'
