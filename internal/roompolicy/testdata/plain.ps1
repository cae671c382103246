# The booking policy of rooms in Exchange Online, written by "onesgate ones room-policy"
# from the Caddyfile. An Exchange administrator runs it, in PowerShell with the module
# ExchangeOnlineManagement (Install-Module ExchangeOnlineManagement). It can be run again.

# ---- integration contoso ----

# Exchange Online in the cloud of operator microsoft
Connect-ExchangeOnline -ExchangeEnvironmentName O365Default -ShowBanner:$false

# What all rooms have in common. Who may book (AllBookInPolicy, BookInPolicy) stays as it is.
$common = @{
    # The room answers each request by itself; else a booking would wait for a person.
    AutomateProcessing        = 'AutoAccept'
    # What is taken is declined: no two bookings at a time.
    AllowConflicts            = $false
    # Series can be booked.
    AllowRecurringMeetings    = $true
    # A series with a date that is taken is declined as a whole ...
    ConflictPercentageAllowed = 0
    # ... so that a confirmed one is confirmed on each of its dates.
    MaximumConflictInstances  = 0
    # A series that goes beyond the window is declined, not cut short in silence.
    EnforceSchedulingHorizon  = $true
    # The answer says why the room has declined.
    EnableResponseDetails     = $true
    # Privacy: the organizer's name does not come before the subject, or in its place ...
    AddOrganizerToSubject     = $false
    # ... so the room's display shows the meeting's own subject, which is kept ...
    DeleteSubject             = $false
    # ... with the text of the meeting, where the link of an online meeting is ...
    DeleteComments            = $false
    # ... and a private meeting stays private: else everybody who sees the room's calendar
    # would read what it is about.
    RemovePrivateProperty     = $false
}

# room boardroom
$room = 'boardroom@contoso.com'
$own = @{
    # max_duration 4h: what is longer, the room declines.
    MaximumDurationInMinutes = 240
    # booking_window 60d: what begins later, the room declines.
    BookingWindowInDays      = 60
}
Set-CalendarProcessing -Identity $room @common @own
# capacity 12: what Outlook's room finder shows.
Set-Place -Identity $room -Capacity 12
# time_zone Asia/Hong_Kong: whose days and working hours the room has.
Set-MailboxCalendarConfiguration -Identity $room -WorkingHoursTimeZone 'China Standard Time'

# room o-brien
$room = 'o''brien@contoso.com'
$own = @{
    # max_duration 1m30s: what is longer, the room declines.
    MaximumDurationInMinutes = 2
    # booking_window 2000d: Exchange takes 1080 days at most, and
    # declines what the gateway accepts beyond that. Make booking_window shorter.
    BookingWindowInDays      = 1080
}
Set-CalendarProcessing -Identity $room @common @own

# What holds now. Where AllBookInPolicy is False, only those in BookInPolicy are accepted.
$rooms = @(
    'boardroom@contoso.com'
    'o''brien@contoso.com'
)
foreach ($room in $rooms) {
    Get-CalendarProcessing -Identity $room | Format-List -Property @(
        'Identity', 'AutomateProcessing', 'MaximumDurationInMinutes', 'BookingWindowInDays', 'AllowRecurringMeetings'
        'AddOrganizerToSubject', 'DeleteSubject', 'DeleteComments', 'RemovePrivateProperty'
        'AllBookInPolicy', 'BookInPolicy', 'ScheduleOnlyDuringWorkHours'
    )
}
Disconnect-ExchangeOnline -Confirm:$false
