/** Examples whose answer is another one here, and why that is right. */
export const EXAMPLE_EXCEPTIONS: readonly { readonly files: RegExp; readonly reason: string }[] = [
  {
    files: /eventmessage-(get|delete)|\/me\/messages|shared-delegated-calendar(-0[47]|\.2023)/,
    reason: 'messages are mail, not calendars',
  },
  {
    files: /eventmessage-post-attachments(-02|\.2023-01)/,
    reason: 'messages are mail, not calendars',
  },
  {
    files: /eventmessage-post-attachments(-04|\.2023-02)/,
    reason: 'the type of the attachment has its name of Outlook REST',
  },
  { files: /api-group-|mocks2025-\d+-\w+-groups-/, reason: 'calendars of Microsoft 365 groups are not simulated' },
  { files: /mocks2025-65|api-calendar-delete/, reason: 'a generated example: the default calendar is not removable' },
  { files: /betaapi-event-get-08/, reason: 'the documented address lacks the & before $expand' },
  { files: /mocks2025-70/, reason: 'the mock says 200, the page it is made of 201' },
  { files: /mocks2025-39/, reason: 'the contentBytes on the page are no base64' },
  { files: /share-or-delegate-calendar-11/, reason: 'settings of a mailbox are read only here' },
];

/** Parts of documented answers that ours lack, and why that is right. */
export const PART_EXCEPTIONS: readonly { readonly part: RegExp; readonly files?: RegExp; readonly reason: string }[] = [
  { part: /^(value\[\]\.)?@odata\.id: missing/, reason: 'on pages of calendars only; no recorded calendar has it' },
  {
    part: /calendar@odata\.(associationLink|navigationLink): missing/,
    reason: 'control information of fuller metadata, which is not asked for',
  },
  { part: /(isShared|isSharedWithMe): missing/, reason: 'beta only' },
  { part: /(IsRoomRequested|AutoRoomBooking\w+|OccurrenceId): missing/, reason: 'beta only, of 2020' },
  { part: /(address\.type|isContactPhoto): missing/, reason: 'beta only' },
  { part: /^OnlineMeeting: missing/, reason: 'a slip of the page: capitalised' },
  { part: /^value\[\]\.color: string for an object/, reason: 'a placeholder of the page' },
  {
    part: /coordinates: missing/,
    files: /betaapi/,
    reason: 'an empty object where nothing was sent; other pages leave it out',
  },
  { part: /locations\[\]\.uniqueId: missing/, files: /mocks2025-03/, reason: 'blank there, left out on other pages' },
  { part: /(archiveFolder|automaticRepliesSetting): missing/, reason: 'settings of mail' },
  { part: /delegateMeetingMessageDeliveryOptions: missing/, reason: 'settings of mail' },
  { part: /locations: missing/, reason: 'shown though only location is selected; other pages show what is selected' },
  { part: /proposedNewTime: missing/, reason: 'comes from an attendee, which the example does not tell of' },
  { part: /notificationContentType: missing/, reason: 'neither the description nor the published type has it' },
  {
    part: /(encryptionCertificate|encryptionCertificateId|includeResourceData): null/,
    reason: 'of a subscription with resource data',
  },
  {
    part: /workingHours\.timeZone\.(@odata\.type|bias|standardOffset|daylightOffset): missing/,
    reason: "a zone of the user's own making; one of the list has a name only",
  },
];
