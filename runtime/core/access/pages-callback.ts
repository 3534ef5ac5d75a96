/** Where people come back to from the authorization server, on each origin of the pages. Clients are known by it: it never changes. */
export const pagesCallback = '/sign-in/callback'
