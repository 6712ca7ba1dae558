-- Mails to guests that our writes made Exchange send lately, by the hour.
ALTER TABLE "CalendarConnection" ADD COLUMN     "guestMails" JSONB NOT NULL DEFAULT '{}';
