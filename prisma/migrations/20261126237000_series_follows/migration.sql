-- The series that one begun by "this and following" goes on from: it is not created at Graph before those have ended there.
ALTER TABLE "CalendarEvent" ADD COLUMN     "follows" TEXT[] DEFAULT ARRAY[]::TEXT[];
